// Numbers with units, in the words of the command line.

const SIZES = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Decimal, as disks are sold: `41 MB`, `3.0 GB`, `812 B`. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit + 1 < SIZES.length) {
    value /= 1000;
    unit += 1;
  }
  const decimals = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(decimals)} ${SIZES[unit]}`;
}

/** `3.9 s`, `34 s`, `21 min 45 s`, `2 h 10 min`, `3 d 4 h`: two parts at most. */
export function seconds(given: number): string {
  const length = Math.max(0, given);
  if (length < 9.95 && !Number.isInteger(length)) return `${length.toFixed(1)} s`;
  const whole = Math.round(length);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return parts(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86_400) return parts(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return parts(Math.floor(whole / 86_400), "d", Math.floor((whole % 86_400) / 3600), "h");
}

function parts(big: number, name: string, small: number, smallName: string): string {
  return small === 0 ? `${big} ${name}` : `${big} ${name} ${small} ${smallName}`;
}

/** `1,204` */
export function count(number: number): string {
  return Math.round(number).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** `1 commit`, `1,204 commits` */
export function counted(number: number, one: string, many: string): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
