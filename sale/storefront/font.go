package storefront

import "fmt"

// Font is a family that is served by the shop itself, under the SIL Open Font License. It has the letters of western European
// languages; others are shown in a font of the reader's system.
type Font struct {
	// Name is what a file calls it, Family what the style sheet does.
	Name, Family string
	// File is the asset that has the font.
	File string
	// Weights are those the file has, in the form of the style sheet.
	Weights string
	// Fallback is the list of families for letters that the font does not have.
	Fallback string
}

const (
	sansFallback  = `system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", Arial, sans-serif`
	serifFallback = `Georgia, Cambria, "Times New Roman", "Noto Serif", "DejaVu Serif", serif`
)

// fontNamed is the font of a name, nil for "system".
func fontNamed(name string) (*Font, error) {
	switch name {
	case "system":
		return nil, nil
	case "inter":
		return &Font{name, "Inter", "fonts/inter.woff2", "100 900", sansFallback}, nil
	case "lora":
		return &Font{name, "Lora", "fonts/lora.woff2", "400 700", serifFallback}, nil
	case "outfit":
		return &Font{name, "Outfit", "fonts/outfit.woff2", "100 900", sansFallback}, nil
	}
	return nil, fmt.Errorf("font is %.20q; there are system, inter, lora and outfit", name)
}
