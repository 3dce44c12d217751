package web

import (
	"encoding/json"
	"html"
	"strings"
	"testing"

	"flashsale/events/audit"
)

// Amounts of the audit log are shown as the shop shows them, in the currency of that time as far as the record has it.
func TestTheAuditLogShowsMoney(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ subject, detail, english, german string }{
		"with its currency":             {"first", `{"moneyIn":"JPY","before":{"priceMinor":900},"after":{"priceMinor":1000}}`, "Price|¥900|¥1,000", "Preis|900 ¥|1.000 ¥"},
		"of a version before":           {"first", `{"before":{"priceMinor":90000,"discountMinor":0},"after":{"priceMinor":100050,"discountMinor":5}}`, "Price|$900.00|$1,000.50|Discount|$0.00|$0.05", "900,00 $|1.000,50 $|Nachlass|0,05 $"},
		"with the currency":             {"first", `{"before":{"priceMinor":90000,"currency":"USD"},"after":{"priceMinor":100000,"currency":"EUR"}}`, "$900.00|€1,000.00", "900,00 $|1.000,00 €"},
		"of a sale that is made":        {"other", `{"after":{"priceMinor":19950,"discountMinor":0,"currency":"EUR"}}`, "Price|€199.50", "199,50 €"},
		"of a sale that nobody has any": {"other", `{"before":{"priceMinor":90000},"after":{"priceMinor":100000}}`, "90,000 in minor units|100,000 in minor units", "90.000 in kleinsten Einheiten"},
	} {
		w := newWorld(t, accountsMode)
		w.desk.acts = []audit.Recorded{{ID: 4, At: noon, Actor: "olga", Action: "sale.amend", Subject: c.subject, Detail: json.RawMessage(c.detail)}}
		w.ops.history = w.desk.acts
		for language, want := range map[string]string{"en": c.english, "de": c.german} {
			paths := []string{"/admin/audit", "/admin/audit/4"}
			if c.subject == "first" {
				paths = append(paths, "/admin/sales/first")
			}
			for _, path := range paths {
				page := strings.ReplaceAll(html.UnescapeString(w.browse(t, path, "Test-Session: vera?", "Accept-Language: "+language).raw), "\u00a0", " ")
				if path == "/admin/audit/4" {
					page, _, _ = strings.Cut(page, "<pre") // the record as programs are given it
				}
				for _, one := range strings.Split(want, "|") {
					if !strings.Contains(page, one) {
						t.Errorf("%s, %s, %s lacks %q", name, path, language, one)
					}
				}
				if strings.Contains(page, "moneyIn") {
					t.Errorf("%s, %s shows the name of a field", name, path)
				}
			}
		}
	}
}
