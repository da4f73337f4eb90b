"""What setup.cfg cannot say: wheel and sdist of the same files are the same bytes, whoever builds them and when."""

import gzip
import os
import tarfile

from setuptools import setup
from setuptools.command.sdist import sdist

# the time that files in both archives get; 1980-01-01 is the first that a wheel can hold
TIME = int(os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800"))


def unsigned(member):
    """An entry of an archive without owner, time of the file and umask of the checkout.

    Args:
        member: the ``TarInfo`` of a file or folder; it is changed and returned.
    """
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = TIME
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


class StableSdist(sdist):
    """The sdist of setuptools, which holds the owner and time of each file and the time of the build."""

    def make_archive(self, base_name, format, root_dir=None, base_dir=None, owner=None, group=None):
        """Write the folder ``base_dir`` as ``base_name.tar.gz`` and return it; other formats as setuptools does."""
        if format != "gztar":
            return super().make_archive(base_name, format, root_dir, base_dir, owner, group)
        path = f"{base_name}.tar.gz"
        with open(path, "wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=TIME) as packed:
            with tarfile.open(mode="w", fileobj=packed) as archive:
                archive.add(base_dir, filter=unsigned)  # files of a folder in the order of their names
        return path


if __name__ == "__main__":
    os.umask(0o022)  # of the files that setuptools writes into the wheel
    setup(cmdclass={"sdist": StableSdist})
