/**
 * The built-in sample: orders of an invented shop, for people who want to see an import and have no file at
 * hand. Every machine makes the same rows, so that the checksum of the file is always the same.
 */

const firstNames = [
  'Anna',
  'Björn',
  'Chloé',
  'Dmitri',
  'Elif',
  'Fatima',
  'George',
  'Hana',
  'Íñigo',
  'Jürgen',
];
const moreFirstNames = [
  'Kateřina',
  'Liam',
  'Mei',
  'Noor',
  'Ólafur',
  'Priya',
  'Quentin',
  'Rosa',
  'Søren',
  'Tomasz',
];
const lastNames = [
  'Andersson',
  'Brown',
  'Çelik',
  'Dvořák',
  'Évrard',
  'Fischer',
  'García',
  'Haddad',
  'Ito',
  'Jansen',
];
const moreLastNames = [
  'Kowalski',
  'López',
  'Müller',
  'Nguyễn',
  "O'Brien",
  'Petrov',
  'Rossi',
  'Strauß',
  'Tanaka',
  'Wójcik',
];
const cities = [
  'Berlin',
  'København',
  'Kraków',
  'Lisboa',
  'London',
  'Málaga',
  'New York',
  'Praha',
  'São Paulo',
  '東京',
  'Zürich',
  'Αθήνα',
];
const products = [
  'Desk lamp',
  'Espresso cups, set of 4',
  'Garden chair',
  'Notebook A5',
  '24" monitor',
  'Pipe 5"',
  'Tea, green',
  'Wool blanket',
];
const notes = [
  'Please ring twice',
  'Gift, no invoice in the parcel',
  'Said "call me first"',
  'Leave with the neighbour\n(second floor, left)',
  'Fragile 🍷',
  'Delivery: Mon, Wed or Fri',
];

const header = [
  'order_id',
  'ordered_on',
  'customer',
  'email',
  'city',
  'product',
  'quantity',
  'amount',
  'note',
];
const rowsPerChunk = 500;
const msPerDay = 86_400_000;
const firstDay = Date.UTC(2024, 0, 1);

/**
 * Writes a header row and `rows` rows as UTF-8 CSV (RFC 4180: CRLF, quotes where needed), about 100 bytes per
 * row, in chunks of about 50 KB.
 */
export function* sampleCsv(rows: number): Generator<Buffer> {
  const random = seededRandom(20_240_101);
  let lines = [csvLine(header)];
  for (let number = 1; number <= rows; number++) {
    lines.push(csvLine(sampleOrder(number, random)));
    if (lines.length < rowsPerChunk) continue;
    yield Buffer.from(lines.join(''));
    lines = [];
  }
  if (lines.length > 0) yield Buffer.from(lines.join(''));
}

/** A whole number from 0 to below `limit`. */
type Random = (limit: number) => number;

function sampleOrder(number: number, random: Random): string[] {
  const pick = (list: readonly string[]) => list[random(list.length)] ?? '';
  const first = pick(random(2) === 0 ? firstNames : moreFirstNames);
  const last = pick(random(2) === 0 ? lastNames : moreLastNames);
  const quantity = 1 + random(5);
  const cents = quantity * (399 + random(20_000));
  return [
    String(100_000 + number),
    new Date(firstDay + random(730) * msPerDay).toISOString().slice(0, 10),
    `${first} ${last}`,
    `${asciiOf(first)}.${asciiOf(last)}${random(100)}@example.com`,
    pick(cities),
    pick(products),
    String(quantity),
    (cents / 100).toFixed(2),
    random(4) === 0 ? pick(notes) : '',
  ];
}

function asciiOf(name: string): string {
  return name
    .normalize('NFD')
    .replace(/[^a-z]/gi, '')
    .toLowerCase();
}

function csvLine(fields: readonly string[]): string {
  return `${fields.map(quotedIfNeeded).join(',')}\r\n`;
}

function quotedIfNeeded(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/**
 * A linear congruential generator (Numerical Recipes, 2nd edition, section 7.1). Its numbers are of poor
 * quality, but the same in every run.
 */
function seededRandom(seed: number): Random {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
