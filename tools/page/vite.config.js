import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { defineConfig } from "vite";

/** The notices that the licences of the packages in the page require: copyright lines above each different text. */
function notices(modules) {
  const folders = new Set(modules.map((id) => /.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0]).filter(Boolean));
  const texts = new Map();
  for (const folder of [...folders].sort()) {
    const { name, version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (!file) throw new Error(`${name} has no file of its licence`);
    const [lines, rest] = [[], []];
    for (const line of readFileSync(`${folder}/${file}`, "utf8").split(/\r?\n/)) (/^\s*Copyright/.test(line) ? lines : rest).push(line.trim());
    const text = rest.join("\n").replace(/\n{3,}/g, "\n\n").trim();
    texts.set(text, [...(texts.get(text) ?? []), `${name} ${version}: ${lines.join(" ")}`]);
  }
  return [...texts].map(([text, packages]) => `${packages.join("\n")}\n\n${text}`).join("\n\n---\n\n").replace(/--+>?/g, (dashes) => "=".repeat(dashes.length));
}

// One file: script and styles are written into the page, and its policy names the script by hash, so that no other runs.
function oneFile() {
  return {
    name: "one-file",
    enforce: "post",
    generateBundle(_options, bundle) {
      const page = bundle["index.html"];
      let html = String(page.source).replace(/\s*<link rel="stylesheet"[^>]*>/g, "").replace(/\s*<script type="module"[^>]*><\/script>/g, "");
      let styles = "";
      let script = "";
      const modules = [];
      for (const [name, part] of Object.entries(bundle)) {
        if (name.endsWith(".css")) styles += part.source;
        else if (name.endsWith(".js")) {
          script += part.code;
          modules.push(...Object.keys(part.modules));
        }
        else continue;
        delete bundle[name];
      }
      script = script.trim().replace(/<\/script/g, "<\\/script").replace(/<!--/g, "<\\!--");
      const hash = createHash("sha256").update(script).digest("base64");
      html = html.replace("SCRIPT_HASH", () => `'sha256-${hash}'`);
      html = html.replace("</head>", () => `<style>${styles.trim()}</style>\n</head>`);
      html = html.replace("</body>", () => `<script type="module">${script}</script>\n</body>`);
      page.source = html.replace("<title>", () => `<!--\nThis page holds parts of these packages:\n\n${notices(modules)}\n-->\n<title>`);
    },
  };
}

export default defineConfig({
  plugins: [oneFile()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../../mmkg/review/page",
    emptyOutDir: false,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: Number.MAX_SAFE_INTEGER,
    reportCompressedSize: false,
  },
});
