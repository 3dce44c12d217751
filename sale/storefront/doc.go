// Package storefront is the look of the shop: the brand that a seller gives it without writing code. A brand has a name, colours, a
// font, pictures, links and sentences. It is read from a file (Read), kept in Postgres with a version (Store), and followed by
// every process (Shown), so that a page never asks the database for it.
//
// A brand that cannot be read well is refused when it is saved, not when a shopper looks at it: colours are checked by the contrast
// of WCAG 2, the dark palette is derived so that it passes too, and pictures are decoded and encoded again, so that nothing of an
// uploaded file is ever served. What Postgres gives back is not trusted either: it passes the checks of a file once more. Whoever can
// write the tables can show wrong words and pictures, and no script.
package storefront
