// Which page an address shows. What the first look needs is loaded at once, all else when it is opened.

import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, type ComponentType } from "react";
import { Route, Switch } from "wouter";
import { meOptions } from "../api/queries";
import { Fleet } from "../pages/Fleet";
import { SignIn } from "../pages/SignIn";
import { Waiting } from "../parts/Loaded";
import { Problem } from "../parts/Problem";
import { Boundary } from "./Boundary";
import { Frame } from "./Frame";
import { NotFound } from "./NotFound";

/** A page that is loaded when it is opened. */
function later<K extends string>(load: () => Promise<Record<K, ComponentType>>, name: K) {
  return lazy(async () => ({ default: (await load())[name] }));
}

const PAGES: [string, ComponentType][] = [
  ["/", Fleet],
  ["/stacks/:name", later(() => import("../pages/StackPage"), "StackPage")],
  ["/sources/:name", later(() => import("../pages/StackPage"), "SourcePage")],
  ["/restore/:source", later(() => import("../pages/RestorePage"), "RestorePage")],
  ["/operations", later(() => import("../pages/Operations"), "Operations")],
  ["/operations/:id", later(() => import("../pages/OperationPage"), "OperationPage")],
  ["/reports/:id", later(() => import("../pages/ReportPage"), "ReportPage")],
  ["/drills", later(() => import("../pages/Drills"), "Drills")],
  ["/clones", later(() => import("../pages/Clones"), "Clones")],
  ["/alarms", later(() => import("../pages/Alarms"), "Alarms")],
  ["/alarms/:n", later(() => import("../pages/Alarms"), "AlarmPage")],
  ["/vault", later(() => import("../pages/VaultPage"), "VaultPage")],
  ["/audit", later(() => import("../pages/Audit"), "Audit")],
  ["/people", later(() => import("../pages/People"), "People")],
  ["/settings", later(() => import("../pages/Settings"), "Settings")],
  ["/add", later(() => import("../pages/AddDatabase"), "AddDatabase")],
  ["/docs", later(() => import("../pages/Docs"), "Docs")],
  ["/docs/:page", later(() => import("../pages/Docs"), "Docs")],
];

export function App() {
  const me = useQuery(meOptions);
  if (me.data === null) return <SignIn />;
  if (me.data === undefined) return me.isError ? <Problem error={me.error} again={() => void me.refetch()} /> : <Waiting lines={3} />;
  return (
    <Frame>
      <Boundary>
        <Suspense fallback={<Waiting lines={6} />}>
          <Switch>
            {PAGES.map(([path, page]) => <Route key={path} path={path} component={page} />)}
            <Route component={NotFound} />
          </Switch>
        </Suspense>
      </Boundary>
    </Frame>
  );
}
