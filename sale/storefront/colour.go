package storefront

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Colour is an opaque colour in sRGB.
type Colour struct{ R, G, B uint8 }

// parseColour reads "#rrggbb".
func parseColour(s string) (Colour, error) {
	digits, marked := strings.CutPrefix(s, "#")
	n, err := strconv.ParseUint(digits, 16, 32)
	if !marked || len(digits) != 6 || err != nil {
		return Colour{}, fmt.Errorf("is %.20q; it must be a colour like #1a2b3c", s)
	}
	return Colour{uint8(n >> 16), uint8(n >> 8), uint8(n)}, nil
}

func (c Colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// linear is a channel without the gamma of sRGB (IEC 61966-2-1).
func linear(channel uint8) float64 {
	v := float64(channel) / 255
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

// luminance is the relative luminance of WCAG 2: 0 for black, 1 for white.
func (c Colour) luminance() float64 {
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// Contrast is the contrast ratio of WCAG 2, from 1 to 21.
func Contrast(a, b Colour) float64 {
	high, low := a.luminance(), b.luminance()
	if high < low {
		high, low = low, high
	}
	return (high + 0.05) / (low + 0.05)
}

// oklch is a colour by lightness (0 to 1), chroma and hue (radians) in Björn Ottosson's Oklab, in which equal steps look equal.
type oklch struct{ l, c, h float64 }

func (c Colour) oklch() oklch {
	r, g, b := linear(c.R), linear(c.G), linear(c.B)
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	light := 0.2104542553*l + 0.7936177850*m - 0.0040720468*s
	x := 1.9779984951*l - 2.4285922050*m + 0.4505937099*s
	y := 0.0259040371*l + 0.7827717662*m - 0.8086757660*s
	return oklch{light, math.Hypot(x, y), math.Atan2(y, x)}
}

// colour is the nearest one in sRGB of the same lightness and hue: chroma that a screen cannot show is taken away.
func (o oklch) colour() Colour {
	if c, in := o.shown(); in {
		return c
	}
	best, _ := oklch{min(max(o.l, 0), 1), 0, 0}.shown()
	for low, high := 0.0, o.c; high-low > 0.001; {
		half := (low + high) / 2
		if c, in := (oklch{o.l, half, o.h}).shown(); in {
			low, best = half, c
		} else {
			high = half
		}
	}
	return best
}

// shown converts to sRGB, and tells whether all channels are within it.
func (o oklch) shown() (Colour, bool) {
	x, y := o.c*math.Cos(o.h), o.c*math.Sin(o.h)
	l := cube(o.l + 0.3963377774*x + 0.2158037573*y)
	m := cube(o.l - 0.1055613458*x - 0.0638541728*y)
	s := cube(o.l - 0.0894841775*x - 1.2914855480*y)
	r, in1 := channel(4.0767416621*l - 3.3077115913*m + 0.2309699292*s)
	g, in2 := channel(-1.2684380046*l + 2.6097574011*m - 0.3413193965*s)
	b, in3 := channel(-0.0041960863*l - 0.7034186147*m + 1.7076147010*s)
	return Colour{r, g, b}, in1 && in2 && in3
}

func cube(v float64) float64 { return v * v * v }

// channel adds the gamma of sRGB. It is false for a value that no screen shows.
func channel(v float64) (uint8, bool) {
	const rounding = 0.0005
	in := v >= -rounding && v <= 1+rounding
	v = min(max(v, 0), 1)
	if v <= 0.0031308 {
		v *= 12.92
	} else {
		v = 1.055*math.Pow(v, 1/2.4) - 0.055
	}
	return uint8(math.Round(v * 255)), in
}
