package storefront

import (
	"regexp"
	"strings"
	"testing"
)

func TestStylesheet(t *testing.T) {
	t.Parallel()
	address := func(name string) string { return "/static/" + name }
	sheet := string(completeBrand(t).Stylesheet(address))
	for _, want := range []string{
		`@font-face{font-family:"Inter";src:url("/static/fonts/inter.woff2") format("woff2");font-weight:100 900;font-display:optional}`,
		`:root{--body:"Inter",system-ui`, `:root{--surface:#f7f9fc;--ink:#10131a;`, `;--accent:#0b4fd8;`, `;--on-accent:#ffffff}`,
		`@media (prefers-color-scheme:dark){:root{--surface:#`,
	} {
		if !strings.Contains(sheet, want) {
			t.Errorf("the sheet has no %s:\n%s", want, sheet)
		}
	}
	// No text of the brand gets into it.
	for _, word := range []string{"Nordlicht", "example.com", "Go!", "terms"} {
		if strings.Contains(sheet, word) {
			t.Errorf("the sheet has %s:\n%s", word, sheet)
		}
	}
	for _, c := range regexp.MustCompile(`--[a-z-]+:#[^;}]*`).FindAllString(sheet, -1) {
		if !regexp.MustCompile(`:#[0-9a-f]{6}$`).MatchString(c) {
			t.Errorf("%s is no colour", c)
		}
	}
	if nameOnly, err := Read([]byte(`{"name": "x"}`), nil); err != nil || len(nameOnly.Stylesheet(address)) != 0 {
		t.Errorf("a brand without colours and font has a sheet (%v)", err)
	}
	if system, err := Read([]byte(`{"name": "x", "font": "system"}`), nil); err != nil || len(system.Stylesheet(address)) != 0 {
		t.Errorf("the font of the system needs a sheet (%v)", err)
	}
}
