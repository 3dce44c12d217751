package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flashsale/events/audit"
	"flashsale/sale"
)

// proofAction is how the audit log calls a check of the invariants that is kept. Its subject is the report's id.
const proofAction = "proof"

// ErrNoReport means that no report of that id is kept.
var ErrNoReport = errors.New("no such report")

// Report is a check of the invariants that is kept: what was checked, when, by whose wish, and what was found.
type Report struct {
	ID uuid.UUID `json:"id"`
	// Began is when the check began, by this process, and TookMillis how long it took.
	Began      time.Time `json:"began"`
	TookMillis int64     `json:"tookMillis"`
	// By asked for it, Process carried it out with the program Version.
	By      string `json:"by"`
	Process string `json:"process"`
	Version string `json:"version"`
	// OK is true when no invariant is broken.
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
	// Sales are as they were at the moment of the check.
	Sales []ProvedSale `json:"sales"`
	// EndedGenerations are the earlier ones that have live orders, EndedOrders how many those are.
	EndedGenerations int64 `json:"endedGenerations"`
	EndedOrders      int64 `json:"endedOrders"`
}

// ProvedSale is the present generation of a sale as a check found it.
type ProvedSale struct {
	Slug       string `json:"slug"`
	Generation int64  `json:"generation"`
	Total      int64  `json:"total"`
	Taken      int64  `json:"taken"`
	// Orders are the live ones, Shoppers and Units how many different ones they have.
	Orders   int64 `json:"orders"`
	Shoppers int64 `json:"shoppers"`
	Units    int64 `json:"units"`
}

// Prove checks the invariants and keeps what it found, whole, in the audit log. A process runs one at a time; the others wait. A repeat
// under the act's key gives the report of the first time. process and version say who has checked.
func (o *Acts) Prove(ctx context.Context, a Act, process, version string) (Report, error) {
	select {
	case o.proving <- struct{}{}:
		defer func() { <-o.proving }()
	case <-ctx.Done():
		return Report{}, fmt.Errorf("wait for another check: %w", ctx.Err())
	}
	r := Report{ID: uuid.New(), Began: time.Now().UTC(), By: a.Principal, Process: process, Version: version, OK: true, Sales: []ProvedSale{}}
	m, err := o.readMoment(ctx)
	if err != nil {
		return r, err
	}
	r.Checks = o.checks(ctx, &m)
	for _, c := range r.Checks {
		r.OK = r.OK && c.State != Broken
	}
	o.countSales(&m, &r)
	r.TookMillis = time.Since(r.Began).Milliseconds()
	done, _, err := perform(ctx, o, a, func(context.Context, pgx.Tx) (Report, audit.Entry, error) {
		return r, audit.Entry{Action: proofAction, Subject: r.ID.String(), Detail: r}, nil
	})
	return done, err
}

// countSales says how the sales stood at the moment.
func (o *Acts) countSales(m *moment, r *Report) {
	slugs := map[sale.Key]string{}
	for _, s := range o.catalog.All() {
		slugs[s.Key()] = s.Slug
	}
	at := map[sale.Key]int{}
	for _, l := range m.levels {
		k := sale.Key{Sale: l.Sale, Generation: l.Generation}
		if slug := slugs[k]; slug != "" {
			at[k] = len(r.Sales)
			r.Sales = append(r.Sales, ProvedSale{Slug: slug, Generation: l.Generation, Total: l.Total, Taken: l.Taken})
		}
	}
	for _, c := range m.counts {
		if i, present := at[c.Key]; present {
			r.Sales[i].Orders, r.Sales[i].Shoppers, r.Sales[i].Units = c.Live, c.Shoppers, c.Units
			continue
		}
		r.EndedGenerations++
		r.EndedOrders += c.Live
	}
}

// Reports are the last ones that are kept, the newest first.
func (o *Acts) Reports(ctx context.Context, most int) ([]Report, error) {
	return o.reports(ctx, audit.Filter{Action: proofAction}, most)
}

// Report is the one of that id. Error: ErrNoReport.
func (o *Acts) Report(ctx context.Context, id uuid.UUID) (Report, error) {
	list, err := o.reports(ctx, audit.Filter{Action: proofAction, Subject: id.String()}, 1)
	if err != nil {
		return Report{}, err
	}
	if len(list) == 0 {
		return Report{}, ErrNoReport
	}
	return list[0], nil
}

func (o *Acts) reports(ctx context.Context, of audit.Filter, most int) ([]Report, error) {
	page, err := o.audit.List(ctx, of, audit.PageRequest{Limit: most})
	if err != nil {
		return nil, err
	}
	list := make([]Report, len(page.Entries))
	for i := range page.Entries {
		if err := json.Unmarshal(page.Entries[i].Detail, &list[i]); err != nil {
			return nil, fmt.Errorf("read the report of entry %d: %w", page.Entries[i].ID, err)
		}
	}
	return list, nil
}
