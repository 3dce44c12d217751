package shop

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/a-h/templ"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/views/shop"
	"flashsale/views/text"
)

// readableTime is the layout of a time for people, in UTC. It has the seconds, because a sale starts at an announced one.
const readableTime = "2 January 2006, 15:04:05 UTC"

// Frame renders what open pages replace when the sale changes: the same bytes for every reader of a language. It has no line
// breaks, so that it is one data line of a stream.
func (hs *Handlers) Frame(s sale.Snapshot, in text.Language) []byte {
	var out bytes.Buffer
	// Rendering plain props into memory fails only when the context is over, and this one never is.
	_ = shop.StatusFragment(hs.panel(s, nil)).Render(text.With(context.Background(), in), &out)
	return bytes.ReplaceAll(out.Bytes(), []byte("\n"), []byte(" "))
}

// panel is statusPanel with the brand's sentence for the state, where the shop itself has nothing to say.
func (hs *Handlers) panel(s sale.Snapshot, err error) shop.Status {
	v := statusPanel(s, err)
	if v.Note == "" {
		v.Note = hs.cfg.Brand.text(sale.Status(v.Status))
	}
	return v
}

// statusPanel is the current sale as the panel shows it. err says that there is none, or that it is not known.
func statusPanel(s sale.Snapshot, err error) shop.Status {
	switch {
	case errors.Is(err, sale.ErrNoSale):
		return shop.Status{Status: "none", Text: "No Sale", Badge: "None"}
	case err != nil:
		return shop.Status{Status: "none", Text: "Not Available", Badge: "Unknown",
			Note: "The figures cannot be read right now. They come back by themselves."}
	}
	return statusView(s)
}

func statusView(s sale.Snapshot) shop.Status {
	status := s.Status()
	v := shop.Status{
		Status: string(status), Left: s.Left(), Total: s.Total, Sold: s.Taken,
		Version: s.Version, Revision: s.Revision, Generation: s.Generation, NowMilli: s.Now.UnixMilli(),
	}
	v.Text, v.Badge = statusWords(status)
	until, when := deadline(s, status)
	v.When, v.Until, v.UntilISO = when, until.UTC().Format(readableTime), until.UTC().Format(request.InstantLayout)
	v.UntilMilli, v.Counting = until.UnixMilli(), status != sale.Ended && until.After(s.Now)
	v.Note = statusNote(s, status)
	return v
}

func statusWords(status sale.Status) (text, badge string) {
	switch status {
	case sale.Upcoming:
		return "Coming Soon", "Soon"
	case sale.Active:
		return "Flash Sale Live!", "Live"
	case sale.SoldOut:
		return "Sold Out", "Sold out"
	case sale.Stopped:
		return "Paused", "Paused"
	case sale.Ended:
	}
	return "Sale Ended", "Ended"
}

func deadline(s sale.Snapshot, status sale.Status) (at time.Time, when string) {
	switch status {
	case sale.Upcoming:
		return s.StartsAt, "Starts"
	case sale.Ended:
		if s.Now.Before(s.EndsAt) {
			// An operator closed the sale early. The snapshot does not say when.
			return s.EndsAt, ""
		}
		return s.EndsAt, "Ended"
	case sale.Active, sale.SoldOut, sale.Stopped:
	}
	return s.EndsAt, "Ends"
}

func statusNote(s sale.Snapshot, status sale.Status) string {
	switch {
	case s.Stale:
		return "These figures cannot be renewed right now and may be out of date."
	case s.AllClaimed && status == sale.Active:
		return "Every unit is being bought right now. Some may come back."
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
