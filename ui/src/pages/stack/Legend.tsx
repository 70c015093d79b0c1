// What the marks of the band mean.

export function Legend() {
  return (
    <div className="legend" aria-hidden>
      <span><i>▬</i> can be restored</span>
      <span><i className="gap">▨</i> gap</span>
      <span><i>◆</i> backup</span>
      <span><i>✓</i> proven</span>
      <span><i>●</i> pinned</span>
      <span><i>▸</i> operation</span>
    </div>
  );
}
