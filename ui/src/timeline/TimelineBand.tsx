// The band itself: a canvas that follows wheel, pointer and keys. It tells of each move of the cursor; what that means is the page's.

import { ActionIcon, Group, Text, Tooltip } from "@mantine/core";
import { IconArrowsMaximize, IconZoomIn, IconZoomOut } from "@tabler/icons-react";
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import { whole, type Band } from "./band";
import { draw, HEIGHT, type Colours } from "./draw";
import { useHands } from "./hands";
import { press, type Place } from "./keys";
import { moved, span, toTime, zoomed, type View } from "./scale";

interface Props {
  band: Band;
  cursor: number;
  onCursor: (at: number) => void;
  label: string;
  /** What the cursor says, for who cannot see it. */
  readOut: string;
}

const WHEEL_ZOOM = 1.0015;
const BUTTON_ZOOM = 0.5;

export function TimelineBand({ band, cursor, onCursor, label, readOut }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [view, setView] = useState<View>(() => whole(band));
  const [width, setWidth] = useState(0);
  const scheme = useComputedColorScheme("light");
  const place = useRef<Place>({ view, cursor });
  place.current = { view, cursor };

  useLayoutEffect(() => observeWidth(canvas.current!, setWidth), []);
  useEffect(() => {
    const frame = requestAnimationFrame(() => paint(canvas.current, { band, view, width, cursor }));
    return () => cancelAnimationFrame(frame);
  }, [band, view, width, cursor, scheme]);
  useWheel(canvas, band, setView);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = press(event.key, event.shiftKey, place.current, band);
    if (!next) return;
    event.preventDefault();
    setView(next.view);
    if (next.cursor !== place.current.cursor) onCursor(next.cursor);
  };
  const hands = useHands(canvas, band, place, setView, onCursor);
  const zoom = (factor: number) => setView(zoomed(view, cursor, factor, band.bounds));
  return (
    <div>
      <div className="band">
        <canvas
          ref={canvas}
          tabIndex={0}
          role="slider"
          aria-label={label}
          aria-valuemin={Math.round(band.bounds.from / 1000)}
          aria-valuemax={Math.round(band.bounds.to / 1000)}
          aria-valuenow={Math.round(cursor / 1000)}
          aria-valuetext={readOut}
          aria-describedby="band-keys"
          onKeyDown={onKeyDown}
          {...hands}
        />
      </div>
      <Group justify="space-between" gap="xs" mt={6}>
        <Text size="xs" c="dimmed" id="band-keys">
          Drag to move, wheel or two fingers to zoom · ← → move the cursor (⇧ faster, , . by a second) · ↑ ↓ zoom · PgUp PgDn pan · n p next and previous backup · Home End · 0 all
        </Text>
        <Group gap={4}>
          <Tool label="Zoom in" icon={IconZoomIn} onClick={() => zoom(BUTTON_ZOOM)} />
          <Tool label="Zoom out" icon={IconZoomOut} onClick={() => zoom(1 / BUTTON_ZOOM)} />
          <Tool label="Show all" icon={IconArrowsMaximize} onClick={() => setView(whole(band))} />
        </Group>
      </Group>
    </div>
  );
}

function Tool({ label, icon: Mark, onClick }: { label: string; icon: typeof IconZoomIn; onClick: () => void }) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="default" aria-label={label} onClick={onClick}><Mark size={16} aria-hidden /></ActionIcon>
    </Tooltip>
  );
}

function observeWidth(canvas: HTMLCanvasElement, tell: (width: number) => void): () => void {
  const observer = new ResizeObserver(() => tell(canvas.clientWidth));
  observer.observe(canvas);
  tell(canvas.clientWidth);
  return () => observer.disconnect();
}

function paint(canvas: HTMLCanvasElement | null, scene: { band: Band; view: View; width: number; cursor: number }): void {
  const context = canvas?.getContext("2d", { alpha: false });
  if (!canvas || !context || scene.width === 0) return;
  const dense = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(scene.width * dense), Math.round(HEIGHT * dense)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.height = `${HEIGHT}px`;
  }
  context.setTransform(dense, 0, 0, dense, 0, 0);
  draw(context, { ...scene, now: Date.now(), colours: coloursOf(canvas) });
}

function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return {
    log: of("--band-log"), gap: of("--band-gap"), volume: of("--band-volume"), line: of("--band-line"), text: of("--band-text"),
    dim: of("--mantine-color-dimmed"), well: of("--state-well"), attention: of("--state-attention"), cursor: of("--band-cursor"),
    surface: of("--band-surface"),
  };
}

/** React listens to the wheel passively, and then the page would scroll as well. */
function useWheel(canvas: React.RefObject<HTMLCanvasElement | null>, band: Band, setView: (change: (view: View) => View) => void): void {
  useEffect(() => {
    const element = canvas.current!;
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      setView((view) => {
        if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          return moved(view, (event.deltaX / element.clientWidth) * span(view), band.bounds);
        }
        const around = toTime(view, element.clientWidth, event.offsetX);
        return zoomed(view, around, WHEEL_ZOOM ** event.deltaY, band.bounds);
      });
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  }, [canvas, band, setView]);
}
