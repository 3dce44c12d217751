// Package text has the words that pages and mails say, in every language of the product.
//
// A text is named by its English form, which stands where it is used:
//
//	{ text.Say(ctx, "Buy now") }
//	{ text.Say(ctx, "%d units left", n) }
//
// The other languages are maps from the English form, a file for each area (german_shop.go). A number among the arguments is written
// as the language writes it. A text that depends on a number is a plural.Selectf in each language that needs one, English too
// (english.go). A test finds texts that lack a translation, and translations that nothing says.
//
// The language travels in the context: With puts it there, From reads it. Everything is safe for concurrent use.
package text
