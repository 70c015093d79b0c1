// Where the dashboard begins.

import "@mantine/core/styles.css";
import "./shell/dashboard.css";
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api/queries";
import { askForFleet } from "./pages/fleet/useFleet";
import { App } from "./shell/App";
import { resolver, theme } from "./shell/theme";

/** What lets our own styles through the policy of the page. */
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";

// What keeps the page still behind a dialogue has a style of its own.
setNonce(nonce);

if (location.pathname === "/") askForFleet();

createRoot(document.getElementById("root")!).render(
  <MantineProvider theme={theme} cssVariablesResolver={resolver} defaultColorScheme="auto" getStyleNonce={() => nonce}>
    <QueryClientProvider client={queryClient}>
      <App />
    </QueryClientProvider>
  </MantineProvider>,
);
