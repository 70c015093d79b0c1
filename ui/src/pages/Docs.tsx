// The documentation, which is part of the program: it can be read where there is no network.

import { Alert, NavLink, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, type MouseEvent } from "react";
import { Link, useLocation, useParams } from "wouter";
import { Loaded } from "../parts/Loaded";
import { Page } from "../parts/Page";

const PAGES = import.meta.glob<string>("../../../docs/*.md", { import: "default" });

function nameOf(path: string): string {
  return path.replace(/^.*\//, "").replace(/\.md$/, "");
}

const BY_NAME = new Map(Object.entries(PAGES).map(([path, load]) => [nameOf(path), load]));

export function Docs() {
  const { page = "" } = useParams<{ page?: string }>();
  return page ? <Shown name={page} /> : <Index />;
}

function Index() {
  return (
    <Page title="Documentation" docs="dashboard">
      <Stack gap={2} maw={420} component="nav" aria-label="Pages of the documentation">
        {[...BY_NAME.keys()].sort().map((name) => <NavLink key={name} component={Link} href={`/docs/${name}`} label={name.replace(/-/g, " ")} />)}
      </Stack>
    </Page>
  );
}

function Shown({ name }: { name: string }) {
  const load = BY_NAME.get(name);
  const query = useQuery({ queryKey: ["docs", name], queryFn: () => load!(), enabled: Boolean(load), staleTime: Infinity });
  if (!load) return <Alert color="gray" variant="light" title={`There is no page “${name}”`}><Link href="/docs">All pages</Link></Alert>;
  return <Loaded query={query} lines={12}>{(html) => <Text key={name} html={html} name={name} />}</Loaded>;
}

/** The HTML was made of our own pages when the dashboard was built. */
function Text({ html, name }: { html: string; name: string }) {
  const [, go] = useLocation();
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    document.title = `${name} · Rekindle`;
    const id = decodeURIComponent(location.hash.slice(1));
    if (id) document.getElementById(id)?.scrollIntoView();
  }, [name, html]);
  const onClick = (event: MouseEvent) => {
    const link = (event.target as Element).closest("a");
    const href = link?.getAttribute("href");
    if (!href?.startsWith("/docs/") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    go(href);
  };
  return (
    <Stack gap="xs">
      <Link href="/docs">All pages of the documentation</Link>
      <article className="doc" ref={place} onClick={onClick} dangerouslySetInnerHTML={{ __html: html }} />
    </Stack>
  );
}
