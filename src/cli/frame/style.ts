/** Colours by meaning. */
export interface Style {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
}

const paint = (begin: number, end: number) => (text: string) => `\u001b[${begin}m${text}\u001b[${end}m`;
const plain = (text: string) => text;

const coloured: Style = { good: paint(32, 39), bad: paint(31, 39), warn: paint(33, 39), dim: paint(2, 22), bold: paint(1, 22) };
const colourless: Style = { good: plain, bad: plain, warn: plain, dim: plain, bold: plain };

export function styleFor(colour: boolean): Style {
  return colour ? coloured : colourless;
}
