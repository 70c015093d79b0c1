// How the dashboard is built: pages of the documentation become HTML here, so that the browser needs no Markdown.
import { readFileSync } from "node:fs";
import MarkdownIt from "markdown-it";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vitest/config";

/** Turns `docs/*.md` into a module that holds HTML; its links to other pages stay inside the dashboard. */
function documentation(): Plugin {
  const markdown = new MarkdownIt({ html: false, linkify: false });
  markdown.renderer.rules["heading_open"] = (tokens, at) => {
    const token = tokens[at]!;
    const id = slug(tokens[at + 1]?.content ?? "");
    return `<${token.tag} id="${id}">`;
  };
  // A style attribute would be refused by the policy of the page.
  for (const cell of ["th_open", "td_open"]) {
    markdown.renderer.rules[cell] = (tokens, at) => `<${tokens[at]!.tag}>`;
  }
  // What scrolls sideways can be reached by keys.
  const fence = markdown.renderer.rules.fence!;
  markdown.renderer.rules.fence = (...given) => fence(...given).replace("<pre>", '<pre tabindex="0">');
  markdown.renderer.rules["table_open"] = () => '<div class="sideways" tabindex="0" role="region" aria-label="Table"><table>';
  markdown.renderer.rules["table_close"] = () => "</table></div>";
  return {
    name: "documentation",
    enforce: "pre",
    load(id) {
      if (!id.endsWith(".md")) return null;
      const text = readFileSync(id, "utf8").replace(/\]\(([\w-]+)\.md(#[^)]*)?\)/g, "](/docs/$1$2)");
      return `export default ${JSON.stringify(markdown.render(text))};`;
    },
  };
}

function slug(text: string): string {
  return text.toLowerCase().replace(/[^\w\s-]/g, "").trim().replace(/\s+/g, "-");
}

export default defineConfig({
  plugins: [documentation(), react()],
  server: { proxy: { "/api": { target: "https://localhost:7443", secure: false } }, fs: { allow: [".."] } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
});
