package shop

import (
	"bytes"
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

// readableTime is the layout of a time for people, in UTC. It has the seconds, because a sale starts at an announced one.
const readableTime = "2 January 2006, 15:04:05 UTC"

// Frame renders what open pages replace when the sale changes: the same bytes for every reader. It has no line
// breaks, so that it is one data line of a stream.
func (hs *Handlers) Frame(s sale.Snapshot) []byte {
	var out bytes.Buffer
	ctx := context.Background()
	// Rendering plain props into memory fails only when the context is over, and this one never is.
	_ = shop.StatusFragment(hs.panel(ctx, s, nil)).Render(ctx, &out)
	return bytes.ReplaceAll(out.Bytes(), []byte("\n"), []byte(" "))
}

// panel is the current sale as the panel shows it. err says that there is none, or that it is not known. Its note is what is wrong now;
// else what an operator wrote; else what a shopper has to know of this moment; else the brand's sentence for the state; else ours.
func (hs *Handlers) panel(ctx context.Context, s sale.Snapshot, err error) shop.Status {
	v := statusPanel(ctx, s, err)
	if v.Note == "" {
		v.Note = hs.cfg.Brand.text(sale.Status(v.Status))
	}
	if v.Note == "" && err == nil {
		v.Note = usualNote(ctx, s, sale.Status(v.Status))
	}
	return v
}

// statusPanel is the panel without the sentences of a brand and the usual ones.
func statusPanel(ctx context.Context, s sale.Snapshot, err error) shop.Status {
	switch {
	case errors.Is(err, sale.ErrNoSale):
		return shop.Status{Status: "none", Text: text.Say(ctx, "No Sale"), Badge: text.Say(ctx, "None"),
			Note: text.Say(ctx, "As soon as a sale is announced, this page shows it.")}
	case err != nil:
		return shop.Status{Status: "none", Text: text.Say(ctx, "Not Available"), Badge: text.Say(ctx, "Unknown"),
			Note: text.Say(ctx, "The figures cannot be read right now. They come back by themselves.")}
	}
	return statusView(ctx, s)
}

func statusView(ctx context.Context, s sale.Snapshot) shop.Status {
	status := s.Status()
	v := shop.Status{
		Status: string(status), Left: s.Left(), Total: s.Total, Sold: s.Taken,
		Version: s.Version, Revision: s.Revision, Generation: s.Generation, NowMilli: s.Now.UnixMilli(),
		Icon: statusIcon(status),
	}
	v.Text, v.Badge = statusWords(ctx, status)
	until, when := deadline(ctx, s, status)
	v.UntilMilli, v.Counting = until.UnixMilli(), status != sale.Ended && until.After(s.Now)
	if status == sale.SoldOut && !s.Sellout.At.IsZero() {
		until, when = s.Sellout.At, text.Say(ctx, "Sold out")
		v.After = text.Say(ctx, "after %s", lasted(ctx, s.Sellout.Took()))
	}
	v.When, v.Until, v.UntilISO = when, until.UTC().Format(readableTime), until.UTC().Format(request.InstantLayout)
	if status == sale.Upcoming {
		v.Reminder = reminderPath(s.Slug)
	}
	v.Note = statusNote(ctx, s, status)
	return v
}

func statusWords(ctx context.Context, status sale.Status) (words, badge string) {
	switch status {
	case sale.Upcoming:
		return text.Say(ctx, "Coming Soon"), text.Say(ctx, "Soon")
	case sale.Active:
		return text.Say(ctx, "Flash Sale Live!"), text.Say(ctx, "Live")
	case sale.SoldOut:
		return text.Say(ctx, "Sold Out"), text.Say(ctx, "Sold out")
	case sale.Stopped:
		return text.Say(ctx, "Paused"), text.Say(ctx, "Paused")
	case sale.Ended:
	}
	return text.Say(ctx, "Sale Ended"), text.Say(ctx, "Ended")
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

func deadline(ctx context.Context, s sale.Snapshot, status sale.Status) (at time.Time, when string) {
	switch status {
	case sale.Upcoming:
		return s.StartsAt, text.Say(ctx, "Starts")
	case sale.Ended:
		if s.Now.Before(s.EndsAt) {
			// An operator closed the sale early. The snapshot does not say when.
			return s.EndsAt, ""
		}
		return s.EndsAt, text.Say(ctx, "Ended")
	case sale.Active, sale.SoldOut, sale.Stopped:
	}
	return s.EndsAt, text.Say(ctx, "Ends")
}

// statusNote is what comes before a brand's sentence.
func statusNote(ctx context.Context, s sale.Snapshot, status sale.Status) string {
	switch {
	case s.Stale:
		return text.Say(ctx, "We are checking. The figures may be out of date; your place is safe.")
	case s.Message != "":
		return s.Message
	case s.AllClaimed && status == sale.Active:
		return text.Say(ctx, "Every unit is being bought right now. Some may come back: then press again.")
	}
	return ""
}

// usualNote says what the state means, and what comes next.
func usualNote(ctx context.Context, s sale.Snapshot, status sale.Status) string {
	switch status {
	case sale.Upcoming:
		if !s.StartsAt.After(s.Now) {
			return text.Say(ctx, "The sale opens in a moment.")
		}
	case sale.SoldOut:
		return text.Say(ctx, "Units may come back until the sale ends. This page shows it at once.")
	case sale.Stopped:
		return text.Say(ctx, "Nobody can buy now. The sale goes on with the same units.")
	case sale.Ended:
		if s.Now.Before(s.EndsAt) {
			return text.Say(ctx, "The sale was closed before its end. Receipts stay valid.")
		}
		return text.Say(ctx, "The sale is over. Receipts stay valid.")
	case sale.Active:
	}
	return ""
}

// lasted is a length of time for people, with tenths below ten seconds and no zero.
func lasted(ctx context.Context, d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return text.Say(ctx, "%.1f s", max(0.1, d.Seconds()))
	case d < time.Minute:
		return text.Say(ctx, "%d s", int(d.Seconds()))
	case d < time.Hour:
		return text.Say(ctx, "%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return text.Say(ctx, "%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return text.Say(ctx, "%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
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
