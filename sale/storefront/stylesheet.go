package storefront

import (
	"fmt"
	"strings"
)

// Stylesheet is the style of a brand: the custom properties that it changes, for light and for dark pages, and its font. address gives
// the address of an asset. It is empty for a brand that changes neither colours nor font. Only colours and the table of fonts are
// written, never a text of the brand.
func (b *Brand) Stylesheet(address func(asset string) string) []byte {
	var out strings.Builder
	if b.Font != nil {
		// Optional: the font never moves a page that is already shown. Pages ask for it ahead, so that it mostly is there in time.
		fmt.Fprintf(&out, "@font-face{font-family:%q;src:url(%q) format(\"woff2\");font-weight:%s;font-display:optional}\n",
			b.Font.Family, address(b.Font.File), b.Font.Weights)
		fmt.Fprintf(&out, ":root{--body:%q,%s}\n", b.Font.Family, b.Font.Fallback)
	}
	if b.coloured() {
		fmt.Fprintf(&out, ":root{%s}\n@media (prefers-color-scheme:dark){:root{%s}}\n", b.Light().properties(), b.Dark().properties())
	}
	return []byte(out.String())
}

func (p Palette) properties() string {
	return fmt.Sprintf("--surface:%s;--ink:%s;--muted:%s;--edge:%s;--accent:%s;--accent-press:%s;--on-accent:%s",
		p.Surface, p.Ink, p.Muted, p.Edge, p.Accent, p.AccentPress, p.OnAccent)
}
