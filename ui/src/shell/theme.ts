// Colours and sizes. Red is kept for "data may be lost", amber for "needs a person"; everything else is quiet.

import { Anchor, createTheme, type CSSVariablesResolver } from "@mantine/core";

export const theme = createTheme({
  primaryColor: "indigo",
  primaryShade: 8,
  autoContrast: true,
  luminanceThreshold: 0.35,
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  headings: { fontWeight: "650" },
  components: {
    Anchor: Anchor.extend({ defaultProps: { underline: "always" } }),
  },
});

/** Both schemes have contrast AA: what Mantine dims is dimmed a little less. */
export const resolver: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#56606b",
    "--mantine-color-anchor": "#364fc7",
    "--mantine-color-yellow-light": "#fff3d6",
    "--mantine-color-red-light": "#ffe3e4",
    "--mantine-color-green-light": "#e3f6e8",
    "--state-well": "#1c7a3e",
    "--state-new": "#56606b",
    "--state-attention": "#8a5300",
    "--state-danger": "#c11f2a",
    "--state-attention-fill": "#fff3d6",
    "--state-danger-fill": "#ffe3e4",
    "--band-log": "#3b6ea8",
    "--band-gap": "#c11f2a",
    "--band-volume": "#9db8d6",
    "--band-line": "#d3d9e0",
    "--band-text": "#3b444e",
    "--band-cursor": "#111820",
    "--band-surface": "#f7f9fb",
  },
  dark: {
    "--mantine-color-dimmed": "#a4adb8",
    "--mantine-color-anchor": "#a5b8ff",
    "--mantine-color-yellow-light": "#3a2c10",
    "--mantine-color-red-light": "#421b1f",
    "--mantine-color-green-light": "#12301c",
    "--state-well": "#5ed08a",
    "--state-new": "#a4adb8",
    "--state-attention": "#ffc46b",
    "--state-danger": "#ff8787",
    "--state-attention-fill": "#3a2c10",
    "--state-danger-fill": "#421b1f",
    "--band-log": "#6fa3e0",
    "--band-gap": "#ff7b7b",
    "--band-volume": "#3f5f83",
    "--band-line": "#3a424b",
    "--band-text": "#c6ced7",
    "--band-cursor": "#ffffff",
    "--band-surface": "#1b2026",
  },
});
