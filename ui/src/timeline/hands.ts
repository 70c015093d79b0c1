// What pointers do to the band: one moves it, two spread or close it as on a map, and a click or a tap sets the cursor. The band's
// `touch-action` leaves moving up and down to the page, which then takes the pointer away.

import { useCallback, useRef, type PointerEvent, type RefObject } from "react";
import type { Band } from "./band";
import type { Place } from "./keys";
import { dragged, pinched, toTime, type View } from "./scale";

const CLICK_PIXELS = 4;

interface Held {
  /** Where each pointer went down, and how the band lay then. */
  from: Map<number, number>;
  now: Map<number, number>;
  view: View;
  moved: boolean;
}

export function useHands(canvas: RefObject<HTMLCanvasElement | null>, band: Band, place: RefObject<Place>, setView: (view: View) => void, onCursor: (at: number) => void) {
  const held = useRef<Held | undefined>(undefined);
  const xOf = useCallback((event: PointerEvent) => event.clientX - canvas.current!.getBoundingClientRect().left, [canvas]);

  /** From here on the pointers that are down move the band as it lies now. */
  const hold = useCallback((now: Map<number, number>, moved: boolean) => {
    held.current = now.size === 0 ? undefined : { from: new Map(now), now, view: place.current.view, moved };
  }, [place]);

  const onPointerDown = useCallback((event: PointerEvent) => {
    canvas.current?.setPointerCapture(event.pointerId);
    const now = new Map(held.current?.now).set(event.pointerId, xOf(event));
    hold(now, now.size > 1);
  }, [canvas, hold, xOf]);

  const onPointerMove = useCallback((event: PointerEvent) => {
    const hand = held.current;
    if (!hand?.now.has(event.pointerId)) return;
    hand.now.set(event.pointerId, xOf(event));
    if (!hand.moved && Math.abs(xOf(event) - hand.from.get(event.pointerId)!) < CLICK_PIXELS) return;
    hand.moved = true;
    setView(laid(hand, canvas.current!.clientWidth, band.bounds));
  }, [canvas, band, setView, xOf]);

  const letGo = useCallback((event: PointerEvent): Held | undefined => {
    const hand = held.current;
    if (!hand?.now.delete(event.pointerId)) return undefined;
    hold(hand.now, hand.moved);
    return hand;
  }, [hold]);

  const onPointerUp = useCallback((event: PointerEvent) => {
    const hand = letGo(event);
    if (hand && !hand.moved) onCursor(toTime(hand.view, canvas.current!.clientWidth, xOf(event)));
  }, [canvas, letGo, onCursor, xOf]);

  return { onPointerDown, onPointerMove, onPointerUp, onPointerCancel: letGo };
}

/** Of more than two pointers the first two count. */
function laid({ from, now, view }: Held, width: number, bounds: View): View {
  const [one, other] = [...now.keys()];
  const x = (at: Map<number, number>, pointer: number | undefined) => at.get(pointer!)!;
  if (other === undefined) return dragged(view, width, x(now, one) - x(from, one), bounds);
  return pinched(view, width, [x(from, one), x(from, other)], [x(now, one), x(now, other)], bounds);
}
