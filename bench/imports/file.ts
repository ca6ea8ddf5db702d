/** The file that is imported: 500,000 rows of seven columns, 42 MB. */
const firstNames = ['Anna', 'Björn', 'Chloé', 'Dmitri', 'Elif', 'Fatima', 'George', 'Hana'];
const lastNames = ['Andersson', 'Brown', 'Dvořák', 'Fischer', 'García', "O'Brien", 'Petrov', 'Tanaka'];
const cities = ['Berlin', 'København', 'Lisboa', 'London', 'Praha', 'Zürich'];
/** One in five rows has a quoted value. */
const products = ['Desk lamp', 'Garden chair', 'Notebook A5', 'Wool blanket', '"Espresso cups, set of 4"'];

export const columns = ['order_id', 'ordered_on', 'customer', 'email', 'city', 'product', 'amount'];

export function makeFile(rows: number): Buffer {
  const lines = [columns.join(',')];
  for (let number = 1; number <= rows; number += 1) {
    const [first, last] = [firstNames[number % 8], lastNames[(number >> 3) % 8]];
    const day = new Date(Date.UTC(2024, 0, 1 + (number % 700))).toISOString().slice(0, 10);
    const amount = `${(number * 7919) % 1000}.${10 + (number % 90)}`;
    lines.push(
      `${number},${day},${first} ${last},customer${number}@mail.example,${cities[number % 6]},${products[number % 5]},${amount}`,
    );
  }
  return Buffer.from(`${lines.join('\n')}\n`);
}
