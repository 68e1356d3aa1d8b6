import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { buffer } from 'node:stream/consumers'
import { setImmediate as nextTurn } from 'node:timers/promises'
// oxlint-disable-next-line import/no-named-as-default -- its types know the default alone
import PDFDocument from 'pdfkit'
import { drawPage } from './draw.ts'
import { layOut, sheet } from './layout.ts'
import { printable } from './printable-text.ts'
import type { Letterhead, PrintedInvoice } from './printed-invoice.ts'
import { wordings } from './wording.ts'

/** Raise it with every change of how invoices look: their entity tags depend on it. */
export const design = 1

/**
 * Prints an invoice as PDF on A4. The same invoice and letterhead give the same bytes. Draws one page at a time and lets
 * other work of the process go on in between.
 */
export async function renderInvoice(invoice: PrintedInvoice, letterhead: Letterhead): Promise<Buffer> {
  const pdf = openDocument(invoice, letterhead)
  const layout = layOut(invoice, letterhead, text => pdf.font('regular').fontSize(sheet.fontSize).widthOfString(text))
  for (const page of layout.pages.keys()) {
    await nextTurn()
    drawPage(pdf, layout, page)
  }
  await nextTurn()
  pdf.end()
  return buffer(pdf)
}

function openDocument(invoice: PrintedInvoice, { sellerName }: Letterhead) {
  const { regular, bold } = (fonts ??= readFonts())
  const pdf = new PDFDocument({
    size: 'A4',
    margin: 0,
    autoFirstPage: false,
    // None by default: pdfkit would open one that is then also registered again at every use.
    font: '',
    lang: invoice.locale,
    displayTitle: true,
    pdfVersion: '1.7',
    info: {
      Title: `${wordings[invoice.locale].invoice} ${invoice.number}`,
      Author: printable(sellerName, 100),
      Creator: 'Feira',
      CreationDate: invoice.issuedAt,
    },
  })
  return pdf.registerFont('regular', regular).registerFont('bold', bold)
}

interface Fonts {
  readonly regular: Buffer
  readonly bold: Buffer
}

// Read once, when first needed: importing a service has no side effect.
let fonts: Fonts | undefined

/** DejaVu Sans: Latin with all accents, Greek, Cyrillic, and more; what it lacks is printed as an empty box. */
function readFonts(): Fonts {
  const { resolve } = createRequire(import.meta.url)
  const read = (file: string) => readFileSync(resolve(`dejavu-fonts-ttf/ttf/${file}`))
  return { regular: read('DejaVuSans.ttf'), bold: read('DejaVuSans-Bold.ttf') }
}
