import type PDFDocument from 'pdfkit'
import { rowHeight, sheet, type Layout, type Row } from './layout.ts'

type Pdf = InstanceType<typeof PDFDocument>

const ink = '#1a1a1a'
const grey = '#666666'
const rule = '#cccccc'

/** Draws one page of a layout on a new page of the document. */
export function drawPage(pdf: Pdf, layout: Layout, index: number): void {
  const page = layout.pages[index] as Layout['pages'][number]
  pdf.addPage()
  // First, so that it lies under what is to be read.
  if (layout.voidStamp !== undefined) drawStamp(pdf, layout.voidStamp)
  if (index === 0) drawHeading(pdf, layout)
  let y = drawTableHead(pdf, layout, index === 0 ? layout.tableTop : sheet.top)
  for (const row of page.rows) y = drawRow(pdf, row, y)
  if (page.hasTotal) drawTotal(pdf, layout, y)
  drawFooter(pdf, layout, index)
}

function drawStamp(pdf: Pdf, stamp: string): void {
  const middle: [number, number] = [sheet.width / 2, sheet.height / 2]
  pdf.save().rotate(-50, { origin: middle }).font('bold').fontSize(96).fillColor('#cc0000').fillOpacity(0.18)
  write(pdf, stamp, middle[0] - pdf.widthOfString(stamp) / 2, middle[1] - 56)
  pdf.fillOpacity(1).restore()
}

function drawHeading(pdf: Pdf, layout: Layout): void {
  pdf.font('bold').fontSize(18).fillColor(ink)
  write(pdf, layout.title, sheet.left, sheet.top)
  const top = 90
  layout.seller.forEach((line, index) => {
    pdf.font(index === 0 ? 'bold' : 'regular').fontSize(sheet.fontSize)
    write(pdf, line, sheet.left, top + index * 13)
  })
  layout.facts.forEach(([label, value], index) => {
    pdf.font('regular').fontSize(sheet.fontSize)
    writeRight(pdf, `${label}: ${value}`, sheet.right, top + index * 15)
  })
  if (layout.paidNote !== undefined) {
    pdf.font('bold').fontSize(11).fillColor('#00702b')
    writeRight(pdf, layout.paidNote, sheet.right, top + layout.facts.length * 15 + 6)
  }
  drawCustomer(pdf, layout)
}

function drawCustomer(pdf: Pdf, { wording, customer, tableTop }: Layout): void {
  const top = tableTop - 36 - customer.length * 13
  pdf.font('bold').fontSize(sheet.fontSize).fillColor(ink)
  write(pdf, wording.customer, sheet.left, top)
  pdf.font('regular')
  customer.forEach((line, index) => write(pdf, line, sheet.left, top + (index + 1) * 13))
}

function drawTableHead(pdf: Pdf, { wording }: Layout, y: number): number {
  pdf.font('bold').fontSize(sheet.fontSize).fillColor(grey)
  write(pdf, wording.description, sheet.columns.description, y)
  writeRight(pdf, wording.quantity, sheet.columns.quantity, y)
  writeRight(pdf, wording.unitPrice, sheet.columns.unitPrice, y)
  writeRight(pdf, wording.lineTotal, sheet.columns.lineTotal, y)
  drawRule(pdf, y + sheet.line + 4)
  return y + sheet.tableHead
}

function drawRow(pdf: Pdf, row: Row, y: number): number {
  pdf.font('regular').fontSize(sheet.fontSize).fillColor(ink)
  row.description.forEach((line, index) => write(pdf, line, sheet.columns.description, y + index * sheet.line))
  writeRight(pdf, row.quantity, sheet.columns.quantity, y)
  writeRight(pdf, row.unitPrice, sheet.columns.unitPrice, y)
  writeRight(pdf, row.lineTotal, sheet.columns.lineTotal, y)
  const next = y + rowHeight(row)
  drawRule(pdf, next - sheet.rowPadding / 2 - 1)
  return next
}

function drawTotal(pdf: Pdf, { wording, total }: Layout, y: number): void {
  pdf.font('bold').fontSize(12).fillColor(ink)
  write(pdf, wording.total, sheet.columns.quantity, y + 12)
  writeRight(pdf, total, sheet.right, y + 12)
}

function drawFooter(pdf: Pdf, { title, wording, pages }: Layout, index: number): void {
  pdf.font('regular').fontSize(8).fillColor(grey)
  write(pdf, title, sheet.left, sheet.footer)
  writeRight(pdf, wording.page(index + 1, pages.length), sheet.right, sheet.footer)
}

function drawRule(pdf: Pdf, y: number): void {
  pdf.moveTo(sheet.left, y).lineTo(sheet.right, y).lineWidth(0.5).strokeColor(rule).stroke()
}

// Lines are broken already: pdfkit, which would break them again and start pages of its own, only draws.
function write(pdf: Pdf, text: string, x: number, y: number): void {
  pdf.text(text, x, y, { lineBreak: false })
}

function writeRight(pdf: Pdf, text: string, right: number, y: number): void {
  write(pdf, text, right - pdf.widthOfString(text), y)
}
