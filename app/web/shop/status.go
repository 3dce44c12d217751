package shop

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/a-h/templ"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/static"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// Frame renders what open pages replace when the sale changes: the same bytes for every reader of a language. It has no line
// breaks, so that it is one data line of a stream.
func (hs *Handlers) Frame(s sale.Snapshot, in text.Language) []byte {
	var out bytes.Buffer
	// Rendering plain props into memory fails only when the context is over, and this one never is.
	_ = shop.StatusFragment(hs.panel(s, nil)).Render(text.With(context.Background(), in), &out)
	return bytes.ReplaceAll(out.Bytes(), []byte("\n"), []byte(" "))
}

// panel is the current sale as the panel shows it. err says that there is none, or that it is not known. Beside the state stands what is
// wrong now; else what an operator wrote; else what a shopper has to know of this moment; else the sale's sentence for the state, or the brand's; else
// ours. What people wrote is shown as it is, and our own words in the language of the page.
func (hs *Handlers) panel(s sale.Snapshot, err error) shop.Status {
	v := statusPanel(s, err)
	if errors.Is(err, sale.ErrNoSale) && hs.cfg.Principals.Demo {
		v.Tip = text.Key("No sale is announced. “flashsale reset --wipe” begins anew with the first one.")
	}
	if v.Note == "" && v.Tip == "" {
		v.Note = cmp.Or(s.Texts.Of(sale.Status(v.Status)), hs.cfg.Brand.text(sale.Status(v.Status)))
	}
	if v.Note == "" && v.Tip == "" {
		v.Tip = usualTip(s, sale.Status(v.Status))
	}
	return v
}

// statusPanel is the panel without the sentences of a brand and the usual ones.
func statusPanel(s sale.Snapshot, err error) shop.Status {
	switch {
	case errors.Is(err, sale.ErrNoSale):
		return shop.Status{Status: "none", Text: text.Key("No Sale"), Badge: text.Key("None"),
			Tip: text.Key("As soon as a sale is announced, this page shows it.")}
	case err != nil:
		return shop.Status{Status: "none", Text: text.Key("Not Available"), Badge: text.Key("Unknown"),
			Tip: text.Key("The figures cannot be read right now. They come back by themselves.")}
	}
	return statusView(s)
}

func statusView(s sale.Snapshot) shop.Status {
	status := s.Status()
	v := shop.Status{
		Status: string(status), Left: s.Left(), Total: s.Total, Sold: s.Taken,
		Version: s.Version, Revision: s.Revision, Generation: s.Generation, NowMilli: s.Now.UnixMilli(),
		Icon: statusIcon(status),
	}
	v.Text, v.Badge = statusWords(status)
	until, when := deadline(s, status)
	v.UntilMilli, v.Counting = until.UnixMilli(), status != sale.Ended && until.After(s.Now)
	if status == sale.SoldOut && !s.Sellout.At.IsZero() {
		until, when = s.Sellout.At, text.Key("Sold out")
		v.Took = s.Sellout.Took()
	}
	v.When, v.Until, v.UntilISO = when, until, until.UTC().Format(request.InstantLayout)
	if status == sale.Upcoming {
		v.Reminder = reminderPath(s.Slug)
	}
	v.Note, v.Tip = noteOf(s, status)
	return v
}

func statusWords(status sale.Status) (words, badge string) {
	switch status {
	case sale.Upcoming:
		return text.Key("Coming Soon"), text.Key("Soon")
	case sale.Active:
		return text.Key("Flash Sale Live!"), text.Key("Live")
	case sale.SoldOut:
		return text.Key("Sold Out"), text.Key("Sold out")
	case sale.Stopped:
		return text.Key("Paused"), text.Key("Paused")
	case sale.Ended:
	}
	return text.Key("Sale Ended"), text.Key("Ended")
}

// statusIcon is the picture in the browser's tab: a clock, a full circle, an empty one. Else the page keeps its own.
func statusIcon(status sale.Status) string {
	switch status {
	case sale.Upcoming, sale.Stopped:
		return static.URL("icon-wait.svg")
	case sale.Active:
		return static.URL("icon-live.svg")
	case sale.SoldOut:
		return static.URL("icon-out.svg")
	case sale.Ended:
	}
	return ""
}

func deadline(s sale.Snapshot, status sale.Status) (at time.Time, when string) {
	switch status {
	case sale.Upcoming:
		return s.StartsAt, text.Key("Starts")
	case sale.Ended:
		if s.Now.Before(s.EndsAt) {
			// An operator closed the sale early. The snapshot does not say when.
			return s.EndsAt, ""
		}
		return s.EndsAt, text.Key("Ended")
	case sale.Active, sale.SoldOut, sale.Stopped:
	}
	return s.EndsAt, text.Key("Ends")
}

// noteOf is what comes before a brand's sentence: what an operator wrote, or a tip of ours.
func noteOf(s sale.Snapshot, status sale.Status) (written, tip string) {
	switch {
	case s.Stale:
		return "", text.Key("We are checking. The figures may be out of date; your place is safe.")
	case s.Message != "":
		return s.Message, ""
	case s.AllClaimed && status == sale.Active:
		return "", text.Key("Every unit is being bought right now. Some may come back: then press again.")
	}
	return "", ""
}

// usualTip says what the state means, and what comes next.
func usualTip(s sale.Snapshot, status sale.Status) string {
	switch status {
	case sale.Upcoming:
		if !s.StartsAt.After(s.Now) {
			return text.Key("The sale opens in a moment.")
		}
	case sale.SoldOut:
		return text.Key("Units may come back until the sale ends. This page shows it at once.")
	case sale.Stopped:
		return text.Key("Nobody can buy now. The sale goes on with the same units.")
	case sale.Ended:
		if s.Now.Before(s.EndsAt) {
			return text.Key("The sale was closed before its end. Receipts stay valid.")
		}
		return text.Key("The sale is over. Receipts stay valid.")
	case sale.Active:
	}
	return ""
}

// render draws a component into the answer's bytes.
func render(ctx context.Context, parts ...templ.Component) ([]byte, error) {
	var out bytes.Buffer
	for _, part := range parts {
		if err := part.Render(ctx, &out); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
