package storefront

import (
	"fmt"
	"math"
)

const (
	// readable is the contrast that WCAG 2 asks for words (1.4.3), and seen the one for what can be pressed (1.4.11).
	readable, seen = 4.5, 3.0
	// lightest is the least luminance of a surface. The page's messages, whose colours a brand does not change, are readable on it.
	lightest = 0.66
	// step is how far a search for a colour goes each time, in lightness.
	step = 0.004
)

//nolint:gochecknoglobals // what the shop looks like without a brand
var (
	ownAccent  = Colour{0xb8, 0x34, 0x0a}
	ownSurface = Colour{0xf6, 0xf4, 0xf0}
	white      = Colour{0xff, 0xff, 0xff}
	black      = Colour{}
)

// Palette is the colours that a brand decides, for pages in one of light and dark.
type Palette struct {
	Surface, Ink, Muted, Edge     Colour
	Accent, AccentPress, OnAccent Colour
}

// coloured is true when the brand has colours of its own.
func (b *Brand) coloured() bool {
	return b.Accent != nil || b.Surface != nil || b.Ink != nil || b.AccentText != nil
}

// given is a colour of the brand, or another one.
func given(c *Colour, other Colour) Colour {
	if c != nil {
		return *c
	}
	return other
}

// lightWords are the colours of words on light pages, and what they stand on.
func (b *Brand) lightWords() Palette {
	p := Palette{Surface: given(b.Surface, ownSurface), Accent: given(b.Accent, ownAccent), OnAccent: white}
	tint := p.Surface.oklch()
	p.Ink = given(b.Ink, oklch{0.22, min(tint.c, 0.02), tint.h}.colour())
	if Contrast(white, p.Accent) < readable {
		p.OnAccent = black // on what white cannot be read, black can
	}
	p.OnAccent = given(b.AccentText, p.OnAccent)
	return p
}

// Light is the palette of light pages: the brand's colours, and what follows from them.
func (b *Brand) Light() Palette {
	p := b.lightWords()
	p.Muted = toward(p.Ink, +step, func(c Colour) bool { return Contrast(c, p.Surface) >= 6 })
	p.Edge = toward(p.Muted, +step, func(c Colour) bool { return Contrast(c, p.Surface) >= 3.6 })
	p.AccentPress = lighter(p.Accent, away(p.Accent, p.OnAccent))
	return p
}

// Dark is the palette of dark pages, derived from the light one in OKLCH: hues stay, the surface becomes nearly black with a trace of
// its tint, and the accent becomes as light as it has to be.
func (b *Brand) Dark() Palette {
	light := b.lightWords()
	tint, ink, accent := light.Surface.oklch(), light.Ink.oklch(), light.Accent.oklch()
	p := Palette{
		Surface: oklch{0.19, min(tint.c, 0.02), tint.h}.colour(),
		Ink:     oklch{0.955, min(ink.c, 0.012), ink.h}.colour(),
	}
	p.Muted = toward(p.Ink, -step, func(c Colour) bool { return Contrast(c, p.Surface) >= 8 })
	p.Edge = toward(p.Muted, -step, func(c Colour) bool { return Contrast(c, p.Surface) >= 4 })
	vivid := oklch{min(accent.l, 0.5), min(accent.c, 0.15), accent.h}
	p.Accent = nearest(vivid, +step, func(c Colour) bool { return Contrast(c, p.Surface) >= 7.5 })
	p.OnAccent = oklch{0.2, min(accent.c, 0.04), accent.h}.colour()
	p.AccentPress = lighter(p.Accent, away(p.Accent, p.OnAccent))
	return p
}

// away is the step in lightness that a pressed button takes: away from its words.
func away(c, words Colour) float64 {
	if words.luminance() > c.luminance() {
		return -0.08
	}
	return +0.08
}

func lighter(c Colour, by float64) Colour {
	o := c.oklch()
	o.l += by
	return o.colour()
}

// toward changes the lightness of a colour for as long as the result is good.
func toward(c Colour, by float64, good func(Colour) bool) Colour {
	for o := c.oklch(); within(o.l + by); {
		o.l += by
		next := o.colour()
		if !good(next) {
			break
		}
		c = next
	}
	return c
}

func within(lightness float64) bool { return lightness >= 0 && lightness <= 1 }

// nearest changes the lightness of a colour until the result is good. At the end of the scale it gives up.
func nearest(o oklch, by float64, good func(Colour) bool) Colour {
	c := o.colour()
	for !good(c) && within(o.l+by) {
		o.l += by
		c = o.colour()
	}
	return c
}

// checkColours refuses what cannot be read. The error names the field and a colour near it that passes.
func (b *Brand) checkColours() error {
	p := b.lightWords()
	if p.Surface.luminance() < lightest {
		to := nearest(p.Surface.oklch(), +step, func(c Colour) bool { return c.luminance() >= lightest })
		return fmt.Errorf("surface is %s, with a luminance of %s; it must be at least %s, as %s has, because the dark page is derived from a light one",
			p.Surface, figure(p.Surface.luminance()), figure(lightest), to)
	}
	for _, one := range []struct {
		field, on string
		c, ground Colour
		least     float64
	}{
		{"ink", "the surface", p.Ink, p.Surface, readable},
		{"accent", "the surface", p.Accent, p.Surface, seen},
		{"accentText", "the accent", p.OnAccent, p.Accent, readable},
	} {
		if ratio := Contrast(one.c, one.ground); ratio < one.least {
			to := nearestOn(one.c, one.ground, one.least)
			return fmt.Errorf("%s is %s, and its contrast to %s %s is %s:1; it must be at least %s:1, as %s has (%s:1)",
				one.field, one.c, one.on, one.ground, figure(ratio), figure(one.least), to, figure(Contrast(to, one.ground)))
		}
	}
	return nil
}

// nearestOn is the colour of the same hue nearest to c that has a contrast to a ground.
func nearestOn(c, ground Colour, least float64) Colour {
	good := func(c Colour) bool { return Contrast(c, ground) >= least }
	from := c.oklch()
	darker, lighter := nearest(from, -step, good), nearest(from, +step, good)
	down, up := math.Abs(darker.oklch().l-from.l), math.Abs(lighter.oklch().l-from.l)
	if !good(lighter) || good(darker) && down <= up {
		return darker
	}
	return lighter
}

// figure is a ratio for people, never more than it is.
func figure(v float64) string { return fmt.Sprintf("%.2f", math.Floor(v*100)/100) }
