package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"flashsale/app/operator"
	"flashsale/sale"
	"flashsale/sale/storefront"
)

func brandCommand(t terminal) *cobra.Command {
	var reset bool
	c := &cobra.Command{
		Use:   "brand [FILE | --reset]",
		Short: "Show the brand of the shop, give it the one that a file describes, or take it away",
		Long: "FILE is JSON; only name is needed:\n\n" +
			`  {"name": "Nordlicht", "logo": "logo.png", "icon": "icon.png", "share": "share.jpg",` + "\n" +
			`   "accent": "#0b4fd8", "surface": "#f7f9fc", "ink": "#10131a", "accentText": "#ffffff", "font": "inter",` + "\n" +
			`   "links": {"terms": "/terms", "privacy": "https://...", "returns": "https://...", "contact": "https://..."},` + "\n" +
			`   "texts": {"upcoming": "...", "active": "...", "sold-out": "...", "paused": "...", "ended": "..."}}` + "\n\n" +
			"Colours are those of light pages and must be readable; the dark ones are derived. Fonts are system, inter, lora and outfit.\n" +
			"Pictures are PNG, JPEG, WebP or GIF files beside FILE. Every page has the new look within two seconds, without a restart.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case reset && len(args) > 0:
				return errors.New("give a file or --reset, not both")
			case reset:
				return withDeployment(t, func(ctx context.Context, acts *operator.Acts) error { return resetBrand(ctx, acts, t.out) })(cmd, nil)
			case len(args) == 0:
				return lookingAt(t, func(ctx context.Context, acts *operator.Acts) error { return showBrand(ctx, acts, t.out) })(cmd, nil)
			}
			b, err := readBrand(args[0])
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return withDeployment(t, func(ctx context.Context, acts *operator.Acts) error { return setBrand(ctx, acts, b, t.out) })(cmd, nil)
		},
	}
	c.Flags().BoolVar(&reset, "reset", false, "take the brand away")
	return c
}

// readBrand reads a file of a brand before any server is asked for.
func readBrand(name string) (*storefront.Brand, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	return storefront.Read(raw, os.DirFS(filepath.Dir(name)))
}

func setBrand(ctx context.Context, acts *operator.Acts, b *storefront.Brand, w io.Writer) error {
	done, err := acts.SetBrand(ctx, byCommand(), b)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "the brand is %s (version %d); pages show it when they are loaded again\n", done.After, done.Version)
	return err
}

func resetBrand(ctx context.Context, acts *operator.Acts, w io.Writer) error {
	done, err := acts.ResetBrand(ctx, byCommand())
	if err != nil {
		return err
	}
	said := "the shop has no brand, as before\n"
	if done.Before != "" {
		said = fmt.Sprintf("the brand %s is taken away; pages show that when they are loaded again\n", done.Before)
	}
	_, err = io.WriteString(w, said)
	return err
}

func showBrand(ctx context.Context, acts *operator.Acts, w io.Writer) error {
	b, err := acts.Brand(ctx)
	if err != nil {
		return err
	}
	if !b.Exists() {
		_, err = io.WriteString(w, "the shop has no brand; `flashsale brand FILE` gives it one\n")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, value string) { _, _ = fmt.Fprintf(table, "%s\t%s\n", name, value) }
	line("name", fmt.Sprintf("%s (version %d)", b.Name, b.Version))
	for _, one := range []struct {
		name string
		p    storefront.Palette
	}{{"light", b.Light()}, {"dark", b.Dark()}} {
		p := one.p
		line(one.name, fmt.Sprintf("surface %s, ink %s (%.1f:1), accent %s (%.1f:1), on it %s (%.1f:1)", p.Surface, p.Ink, storefront.Contrast(p.Ink, p.Surface),
			p.Accent, storefront.Contrast(p.Accent, p.Surface), p.OnAccent, storefront.Contrast(p.OnAccent, p.Accent)))
	}
	font := "system"
	if b.Font != nil {
		font = b.Font.Name
	}
	line("font", font)
	for _, p := range b.Pictures() {
		line(p.Name, fmt.Sprintf("%s, %d x %d pixels, %d bytes", p.Kind, p.Width, p.Height, len(p.Body)))
	}
	for _, link := range b.Links {
		line(link.Name, link.Address)
	}
	for _, state := range []sale.Status{sale.Upcoming, sale.Active, sale.SoldOut, sale.Stopped, sale.Ended} {
		if text := b.Text(state); text != "" {
			line(string(state), text)
		}
	}
	return table.Flush()
}
