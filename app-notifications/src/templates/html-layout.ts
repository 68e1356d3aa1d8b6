import { html, type Html } from './html.ts'
import type { Detail, Item, Letter, Words } from './letter.ts'

const font = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
const cell = 'padding:8px 0;border-bottom:1px solid #e3e3e0;font-size:15px;line-height:22px;vertical-align:top'

/**
 * A letter as HTML. Styles are inline because mail programs drop others; those that know the style element also get the
 * dark colours. One column, which fits a telephone.
 */
export function htmlLayout(
  { subject, heading, paragraphs, items, details }: Letter,
  words: Words,
  lang: string,
): string {
  return html`<!doctype html>
    <html lang="${lang}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="supported-color-schemes" content="light dark" />
        <title>${subject}</title>
        <style>
          :root {
            color-scheme: light dark;
          }
          @media (prefers-color-scheme: dark) {
            .page {
              background: #16181a !important;
            }
            .card {
              background: #212427 !important;
            }
            .ink {
              color: #eceeef !important;
            }
            .faint {
              color: #a3a9ae !important;
            }
            .line {
              border-color: #3b4045 !important;
            }
          }
        </style>
      </head>
      <body class="page" style="margin:0;padding:0;background:#f4f4f1;${font}">
        <table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" style="background:#f4f4f1">
          <tr>
            <td align="center" style="padding:24px 12px">
              <table
                role="presentation"
                class="card"
                width="100%"
                cellpadding="0"
                cellspacing="0"
                style="max-width:560px;background:#ffffff;border-radius:12px"
              >
                <tr>
                  <td class="ink" style="padding:28px 28px 20px;color:#1d2023;text-align:left">
                    <p class="faint" style="margin:0 0 12px;color:#6b7075;font-size:13px;letter-spacing:1px">FEIRA</p>
                    <h1 class="ink" style="margin:0 0 16px;color:#1d2023;font-size:22px;line-height:30px">
                      ${heading}
                    </h1>
                    ${paragraphs.map(
                      text =>
                        html`<p class="ink" style="margin:0 0 14px;color:#1d2023;font-size:16px;line-height:24px">
                          ${text}
                        </p> `,
                    )}${items && items.length > 0 ? itemTable(items, words) : ''}${details ? detailTable(details) : ''}
                  </td>
                </tr>
              </table>
              <p class="faint" style="max-width:560px;margin:16px 0 0;color:#6b7075;font-size:12px;line-height:18px">
                ${words.footer}
              </p>
            </td>
          </tr>
        </table>
      </body>
    </html> `.source
}

function itemTable(items: readonly Item[], words: Words): Html {
  return html`<table
    class="ink"
    width="100%"
    cellpadding="0"
    cellspacing="0"
    style="margin:8px 0 12px;border-collapse:collapse;color:#1d2023"
  >
    <tr>
      ${[
        html`<th class="faint line" align="left" style="${cell};color:#6b7075;font-size:13px">${words.product}</th>`,
        html`<th class="faint line" align="right" style="${cell};color:#6b7075;font-size:13px">${words.quantity}</th>`,
        html`<th class="faint line" align="right" style="${cell};color:#6b7075;font-size:13px">${words.price}</th>`,
      ]}
    </tr>
    ${items.map(
      ({ name, quantity, price }) =>
        html`<tr>
          <td class="line" style="${cell};word-break:break-word">${name}</td>
          <td class="line" align="right" style="${cell};padding-left:12px">${quantity}</td>
          <td class="line" align="right" style="${cell};padding-left:12px;white-space:nowrap">${price}</td>
        </tr> `,
    )}
  </table> `
}

function detailTable(details: readonly Detail[]): Html {
  return html`<table
    class="ink"
    width="100%"
    cellpadding="0"
    cellspacing="0"
    style="margin:8px 0 12px;border-collapse:collapse;color:#1d2023"
  >
    ${details.map(
      ({ label, value }) =>
        html`<tr>
          <td class="faint line" style="${cell};color:#6b7075">${label}</td>
          <td class="line" align="right" style="${cell};padding-left:12px;word-break:break-word">${value}</td>
        </tr> `,
    )}
  </table> `
}
