// node asked.js SITE: reads queries as a JSON list, and prints the places that the site's own search finds for each.
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const site = process.argv[2];
const read = (...parts) => fs.readFileSync(path.join(site, ...parts), "utf8");
const [worker] = fs.readdirSync(path.join(site, "assets/javascripts/workers")).filter((name) => name.endsWith(".js"));

let answer, listen;
const context = { console, setTimeout, addEventListener: (_, called) => (listen = called), postMessage: (m) => answer(m) };
context.self = context;
vm.createContext(context);
vm.runInContext(read("assets/javascripts/workers", worker), context);
const cleaned = vm.runInContext(`${read("search.js")}; cleaned`, context);
const ask = (type, data) => new Promise((done) => ((answer = done), listen({ data: { type, data } })));

(async () => {
  await ask(0, { ...JSON.parse(read("search/search_index.json")), options: { suggest: false } });
  const found = [];
  for (const query of JSON.parse(fs.readFileSync(0, "utf8"))) {
    const { data } = await ask(2, cleaned(query));
    found.push(data.items.slice(0, 5).map((page) => page[0].location));
  }
  console.log(JSON.stringify(found));
})();
