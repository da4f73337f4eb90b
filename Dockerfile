# The wheel of this checkout with all extras, on a CPU:
#   python -m build && docker build -t mmkg . && docker run --rm -v "$PWD:/data" mmkg describe emoji-fr-en
FROM python:3.12-slim
COPY constraints.txt dist/mmkg-*.whl /tmp/
RUN pip install --no-cache-dir torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu \
    && pip install --no-cache-dir -c /tmp/constraints.txt "$(ls /tmp/mmkg-*.whl)[all]" \
    && rm -r /tmp/*
RUN useradd --create-home --uid 10001 mmkg
USER 10001
WORKDIR /data
EXPOSE 8000
ENTRYPOINT ["mmkg"]
CMD ["--help"]
