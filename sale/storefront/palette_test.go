package storefront

import (
	"strings"
	"testing"
)

// A refusal has the figures, and a colour that is then accepted.
func TestRefusedColours(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ fields, says, field string }{
		{"accent #ffcc00", "accent is #ffcc00, and its contrast to the surface #f6f4f0 is 1.37:1; it must be at least 3.00:1, as ", "accent"},
		{"accent #999999 surface #ffffff", "accent is #999999, and its contrast to the surface #ffffff is 2.84:1", "accent"},
		{"ink #999999", "ink is #999999, and its contrast to the surface", "ink"},
		{"accent #0044cc accentText #003399", "accentText is #003399, and its contrast to the accent #0044cc is", "accentText"},
		{"surface #333333 accent #000000", "surface is #333333, with a luminance of 0.03; it must be at least 0.66, as ", "surface"},
	} {
		in := map[string]string{"name": "x"}
		words := strings.Fields(c.fields)
		for i := 0; i < len(words); i += 2 {
			in[words[i]] = words[i+1]
		}
		_, err := fromFields(in)
		if err == nil || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s: %v", c.fields, err)
			continue
		}
		_, after, _ := strings.Cut(err.Error(), ", as ")
		in[c.field] = after[:len("#000000")]
		if _, err := fromFields(in); err != nil {
			t.Errorf("%s: the proposal is refused: %v", c.fields, err)
		}
	}
}

func TestTheDarkPaletteKeepsHues(t *testing.T) {
	t.Parallel()
	accent, surface := mustColour(t, "#0b4fd8"), mustColour(t, "#eef4ff")
	b := &Brand{Name: "x", Accent: &accent, Surface: &surface}
	dark := b.Dark()
	if d := dark.Accent; d.B <= d.R || d.B <= d.G {
		t.Errorf("the blue accent is %s in the dark", d)
	}
	if d := dark.Surface; d.luminance() > 0.02 || d.B < d.R {
		t.Errorf("the surface is %s in the dark", d)
	}
}
