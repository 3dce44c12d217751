package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flashsale/app/config"
	"flashsale/app/operator"
	"flashsale/sale"
	"flashsale/sale/storefront"
)

func saleCommand(t terminal) *cobra.Command {
	c := &cobra.Command{Use: "sale", Short: "Change a sale", Args: cobra.NoArgs}
	c.AddCommand(saleSetCommand(t), salePictureCommand(t))
	return c
}

// salePictures is what the command line of `sale picture` gives.
type salePictures struct {
	slug, remove string
	files, alt   []string
	order        []string
}

func salePictureCommand(t terminal) *cobra.Command {
	var given salePictures
	c := &cobra.Command{
		Use:   "picture [--slug S] [FILE... [--alt TEXT]... | --remove ID | --order ID,ID,...]",
		Short: "Show the pictures of a sale's product, add those in files, remove one, or change their order",
		Long: "FILE is a PNG, JPEG, WebP or GIF file of at most 16 MB and 16 million pixels. It is turned upright and encoded again in up to three\n" +
			"sizes; nothing else of it is kept. Give --alt once for each FILE: it says what the picture shows, for those who cannot see it.\n" +
			"The first picture is the main one. Pages show a change within about a second.",
		RunE: func(cmd *cobra.Command, args []string) error {
			given.files = args
			if err := given.check(); err != nil {
				return err
			}
			if len(args) == 0 && given.remove == "" && len(given.order) == 0 {
				return lookingAt(t, func(ctx context.Context, acts *operator.Acts) error {
					return showPictures(ctx, acts, given.slug, t.out)
				})(cmd, nil)
			}
			return withDeployment(t, func(ctx context.Context, acts *operator.Acts) error { return given.change(ctx, acts, t.out) })(cmd, nil)
		},
	}
	c.Flags().StringVar(&given.slug, "slug", "", "the sale; without it the current one")
	c.Flags().StringArrayVar(&given.alt, "alt", nil, "what the picture of a FILE shows, in the order of the files")
	c.Flags().StringVar(&given.remove, "remove", "", "the id of the picture to remove")
	c.Flags().StringSliceVar(&given.order, "order", nil, "the ids of all pictures, the main one first")
	return c
}

func (p *salePictures) check() error {
	acts := 0
	for _, there := range []bool{len(p.files) > 0, p.remove != "", len(p.order) > 0} {
		if there {
			acts++
		}
	}
	switch {
	case acts > 1:
		return errors.New("give files, --remove or --order, and only one of them")
	case len(p.alt) > len(p.files):
		return errors.New("there are more --alt than files")
	}
	return nil
}

func (p *salePictures) change(ctx context.Context, acts *operator.Acts, w io.Writer) error {
	if p.remove != "" {
		done, err := acts.RemovePicture(ctx, byCommand(), p.slug, p.remove)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "the picture was removed; sale %s has %d (revision %d)\n", done.After.Slug, len(done.Pictures), done.After.Revision)
		return err
	}
	if len(p.order) > 0 {
		done, err := acts.ArrangePictures(ctx, byCommand(), p.slug, p.order)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "the pictures of sale %s have another order (revision %d)\n", done.After.Slug, done.After.Revision)
		return err
	}
	for i, name := range p.files {
		if err := addPicture(ctx, acts, p.slug, name, slices.Concat(p.alt, make([]string, len(p.files)))[i], w); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func addPicture(ctx context.Context, acts *operator.Acts, slug, name, alt string, w io.Writer) error {
	file, err := readUpload(name)
	if err != nil {
		return err
	}
	done, err := acts.AddPicture(ctx, byCommand(), slug, file, alt)
	if err != nil {
		return err
	}
	said := "is a picture of"
	if done.Before.Revision == done.After.Revision {
		said = "was a picture already of"
	}
	_, err = fmt.Fprintf(w, "%s %s sale %s: %s, in %s (revision %d)\n", name, said, done.After.Slug, done.Picture.ID, sizesOf(done.Picture), done.After.Revision)
	return err
}

// readUpload reads a file, of which it looks at no more than may be uploaded.
func readUpload(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, storefront.MaxUpload+1))
}

func sizesOf(picture sale.Image) string {
	list := make([]string, 0, len(picture.Sources))
	for _, s := range picture.Sources {
		list = append(list, fmt.Sprintf("%d x %d", s.Width, s.Height))
	}
	return strings.Join(list, ", ")
}

func showPictures(ctx context.Context, acts *operator.Acts, slug string, w io.Writer) error {
	list, err := acts.Pictures(ctx, slug)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		_, err = io.WriteString(w, "no picture was uploaded for the sale; `flashsale sale picture FILE` gives it one\n")
		return err
	}
	for _, one := range list {
		if _, err := fmt.Fprintf(w, "%s  %s  %s\n", one.ID, sizesOf(one), one.Alt); err != nil {
			return err
		}
	}
	return nil
}

// saleSet is what the command line of `sale set` gives.
type saleSet struct {
	slug, start, end string
	message          string
	stock            int64
	limit            sale.PressLimit
}

func saleSetCommand(t terminal) *cobra.Command {
	var set saleSet
	c := &cobra.Command{
		Use:   "set [--slug S] [--start T] [--end T] [--stock N] [--message TEXT] [--account-press-rate N] ...",
		Short: "Change the times, the stock, the message to shoppers and the limit of presses of a sale, also of one that runs; what is sold stays sold",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := set.amendment(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			return withDeployment(t, func(ctx context.Context, acts *operator.Acts) error { return amendSale(ctx, acts, set.slug, to, t) })(cmd, args)
		},
	}
	c.Flags().StringVar(&set.slug, "slug", "", "the sale; without it the current one")
	c.Flags().StringVar(&set.start, "start", "", "when it starts, like 2026-01-01T10:00:00Z; not once it has orders")
	c.Flags().StringVar(&set.end, "end", "", "when it ends, like 2026-01-01T12:00:00Z; never in the past")
	c.Flags().Int64Var(&set.stock, "stock", 0, "units on sale, at least as many as are sold")
	c.Flags().StringVar(&set.message, "message", "", `what shoppers read on the sale's page, for example why it is paused; "" takes it away`)
	c.Flags().Int64Var(&set.limit.AccountRate, flagAccountRate, 0, "presses of the button that one account has each second")
	c.Flags().Int64Var(&set.limit.AccountBurst, flagAccountBurst, 0, "presses that one account has at once")
	c.Flags().Int64Var(&set.limit.NetworkRate, flagNetworkRate, 0, "presses that everybody behind one address has each second")
	c.Flags().Int64Var(&set.limit.NetworkBurst, flagNetworkBurst, 0, "presses that everybody behind one address has at once")
	return c
}

const (
	flagAccountRate  = "account-press-rate"
	flagAccountBurst = "account-press-burst"
	flagNetworkRate  = "network-press-rate"
	flagNetworkBurst = "network-press-burst"
)

// amendment is what the flags change. given tells which flags there are.
func (s *saleSet) amendment(given func(flag string) bool) (to sale.Amendment, err error) {
	if to.StartsAt, err = flagTime("--start", s.start); err != nil {
		return to, err
	}
	if to.EndsAt, err = flagTime("--end", s.end); err != nil {
		return to, err
	}
	if given("stock") {
		if s.stock < 0 || s.stock > config.MaxStock {
			return to, fmt.Errorf("--stock must be from 0 to %d", config.MaxStock)
		}
		to.Total = &s.stock
	}
	if given("message") {
		message, err := sale.ReadMessage(s.message)
		if err != nil {
			return to, fmt.Errorf("--message %w", err)
		}
		to.Message = &message
	}
	if err := s.amendLimit(&to, given); err != nil {
		return to, err
	}
	if to == (sale.Amendment{}) {
		return to, errors.New("nothing to change: give at least one of --start, --end, --stock, --message and the limits of presses")
	}
	return to, nil
}

// amendLimit reads the flags that change the limit of presses.
func (s *saleSet) amendLimit(to *sale.Amendment, given func(flag string) bool) error {
	for _, one := range []struct {
		flag  string
		value *int64
		into  **int64
	}{
		{flagAccountRate, &s.limit.AccountRate, &to.AccountRate}, {flagAccountBurst, &s.limit.AccountBurst, &to.AccountBurst},
		{flagNetworkRate, &s.limit.NetworkRate, &to.NetworkRate}, {flagNetworkBurst, &s.limit.NetworkBurst, &to.NetworkBurst},
	} {
		if !given(one.flag) {
			continue
		}
		if *one.value < 1 || *one.value > sale.MaxPressLimit {
			return fmt.Errorf("--%s must be from 1 to %d", one.flag, sale.MaxPressLimit)
		}
		*one.into = one.value
	}
	return nil
}

func flagTime(name, value string) (*time.Time, error) {
	if value == "" {
		return nil, nil
	}
	t, err := config.ParseTime(value)
	if err != nil || t.Year() < config.FirstYear || t.Year() > config.LastYear {
		return nil, fmt.Errorf("%s is %q; it must be a time like 2026-01-01T10:00:00Z, of the years %d to %d", name, value, config.FirstYear, config.LastYear)
	}
	return &t, nil
}

func amendSale(ctx context.Context, acts *operator.Acts, slug string, to sale.Amendment, t terminal) error {
	done, err := acts.Amend(ctx, byCommand(), slug, to)
	if err != nil {
		return err
	}
	after := done.After
	_, err = fmt.Fprintf(t.out, "sale %s: %s, %s to %s, %d units, %d sold (revision %d)\n", after.Slug, after.Status(),
		after.StartsAt.Format(time.RFC3339Nano), after.EndsAt.Format(time.RFC3339Nano), after.Total, after.Taken, after.Revision)
	return err
}
