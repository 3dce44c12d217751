package admin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	counts "flashsale/app/figures"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// mostHistory is how many acts the page of a sale lists.
const mostHistory = 10

// ShowPage is the run of show of a sale.
func (hs *Handlers) ShowPage(c echo.Context) error {
	snap, err := hs.snapshot(c)
	if err != nil {
		return err
	}
	ctx := desk.Speaking(c.Request())
	page := views.Show{
		Desk: hs.desk(c, productName(&snap)), Slug: snap.Slug, Name: productName(&snap), State: views.State(snap.State), Archived: snap.Archived,
		Message: snap.Message, Zone: zoneOf(snap.Zone).String(), Start: momentIn(snap.StartsAt, snap.Zone), End: momentIn(snap.EndsAt, snap.Zone),
		Figures: hs.shownFigures(ctx, &snap), Acts: actLinks(ctx, &snap), Minutes: hs.minutes(ctx, &snap),
		Stream: "/api/admin/sales/" + snap.Slug + "/figures/stream", Series: "/api/admin/sales/" + snap.Slug + "/figures",
	}
	page.Notice = doneNotice(ctx, c.QueryParam("done"), &snap)
	page.Until, page.Left, page.UntilMilli = countdown(ctx, &snap)
	if snap.State == sale.Draft {
		page.Checklist = checklist(ctx, &snap)
	}
	if page.History, err = hs.history(ctx, &snap); err != nil {
		page.Problem = text.Say(ctx, "Who did what cannot be read now: the database does not answer.")
	}
	return hs.cfg.Desk.Send(c, http.StatusOK, views.ShowPage(page))
}

// countdown is what comes next, and how long until then.
func countdown(ctx context.Context, s *sale.Snapshot) (until, left string, milli int64) {
	to := s.EndsAt
	switch s.State {
	case sale.Draft, sale.Closing, sale.Closed:
		return "", "", 0
	case sale.Scheduled:
		to, until = s.StartsAt, text.Say(ctx, "Opens in")
	case sale.Open, sale.Paused:
		until = text.Say(ctx, "Ends in")
	}
	return until, spelled(max(0, to.Sub(s.Now))), to.UnixMilli()
}

// spelled is a time to come as clocks show it, with days before. The page's script writes the same.
func spelled(d time.Duration) string {
	seconds := int64((d + time.Second - 1) / time.Second)
	clock := fmt.Sprintf("%02d:%02d:%02d", seconds/3600%24, seconds/60%60, seconds%60)
	if days := seconds / 86400; days > 0 {
		return strconv.FormatInt(days, 10) + " d " + clock
	}
	return clock
}

// actLinks are the acts of the page, always all of them and in the same order.
func actLinks(ctx context.Context, s *sale.Snapshot) (all []views.Act) {
	for _, a := range saleActs() {
		one := views.Act{Name: a.name, Label: a.label(ctx), Path: deskSale(s.Slug) + "/" + a.name, Key: a.key, Grave: a.grave}
		if !a.possible(s) {
			one.Off = views.State(s.State).Label(ctx)
		}
		all = append(all, one)
	}
	return append(all,
		views.Act{Name: "edit", Label: text.Say(ctx, "Edit"), Path: deskSale(s.Slug) + "/edit"},
		views.Act{Name: "pictures", Label: text.Say(ctx, "Pictures"), Path: deskPictures(s.Slug), Key: "i"},
		views.Act{Name: "duplicate", Label: text.Say(ctx, "Duplicate"), Path: deskSale(s.Slug) + "/duplicate", Key: "d"},
		views.Act{Name: "preview", Label: text.Say(ctx, "Preview"), Path: deskSale(s.Slug) + "/preview", Key: "v", Apart: true})
}

// checklist is what is to be seen to before a sale is announced.
func checklist(ctx context.Context, s *sale.Snapshot) []views.Check {
	edit, p := deskSale(s.Slug)+"/edit", s.Product
	if p == nil {
		p = &sale.Product{}
	}
	times := views.Check{Label: text.Say(ctx, "Times"), Done: s.EndsAt.After(s.Now), Path: edit + "#" + fieldStart,
		Detail: text.Say(ctx, "From %s to %s.", momentIn(s.StartsAt, s.Zone).Text, momentIn(s.EndsAt, s.Zone).Text)}
	if times.Done && !s.StartsAt.After(s.Now) {
		times.Detail += " " + text.Say(ctx, "The start is past, so it opens at once.")
	}
	if !times.Done {
		times.Detail += " " + text.Say(ctx, "The end is past: nobody could buy.")
	}
	all := []views.Check{
		times,
		{Label: text.Say(ctx, "Stock"), Done: s.Total > 0, Path: edit + "#" + string(sale.FieldStock), Detail: text.Say(ctx, "%d units.", s.Total)},
		{Label: text.Say(ctx, "Price"), Done: p.PriceMinor > 0, Path: edit + "#" + fieldPrice, Detail: p.CurrencySymbol + request.Amount(p.PriceAfterDiscountMinor(), p.CurrencyCode)},
		{Label: text.Say(ctx, "Pictures"), Done: p.Images.Main.URL != "", Path: deskPictures(s.Slug), Detail: picturesDetail(ctx, p)},
		{Label: text.Say(ctx, "Terms"), Done: len(p.ImportantInfo) > 0, Path: edit + "#" + string(sale.FieldImportant), Detail: text.Say(ctx, "%d lines of important information.", len(p.ImportantInfo))},
		{Label: text.Say(ctx, "Who may buy"), Done: true, Path: edit + "#" + string(sale.FieldAccountRate),
			Detail: text.Say(ctx, "Every account that is not barred, one unit each; %d presses a second.", s.Limit.AccountRate)},
		{Label: text.Say(ctx, "Preview"), Done: true, Path: deskSale(s.Slug) + "/preview", Apart: true, Way: text.Say(ctx, "Look"), Detail: text.Say(ctx, "Look at the page as shoppers will see it.")},
	}
	for i := range all {
		if all[i].Path != "" && all[i].Way == "" {
			all[i].Way = text.Say(ctx, "Change")
		}
	}
	return all
}

// picturesDetail says how many pictures there are, and how many of them say nothing to those who cannot see.
func picturesDetail(ctx context.Context, p *sale.Product) string {
	silent := 0
	for _, one := range p.Images.Gallery {
		if one.Alt == "" {
			silent++
		}
	}
	said := text.Say(ctx, "%d in the gallery.", len(p.Images.Gallery))
	if silent > 0 {
		said += " " + text.Say(ctx, "%d of them say nothing to those who cannot see.", silent)
	}
	return said
}

// history lists who did what, in the language of ctx.
func (hs *Handlers) history(ctx context.Context, s *sale.Snapshot) (all []views.Event, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	recent, err := hs.cfg.Operations.History(ctx, s.Slug, mostHistory)
	for i := range recent {
		r := &recent[i]
		l := desk.AuditLine(ctx, r, zoneOf(s.Zone), func(string) string { return currencyOf(s) })
		one := views.Event{At: l.At, Who: l.Who, By: l.By, What: l.What, Detail: desk.OneLine(ctx, &l), Path: l.Path, Changed: r.Action != actExport}
		if r.Action == actCancel {
			one.Order = desk.Orders + "/" + r.Subject
		}
		all = append(all, one)
	}
	return all, err
}

// currencyOf is the currency in which a sale is sold.
func currencyOf(s *sale.Snapshot) string {
	if s.Product == nil {
		return ""
	}
	return s.Product.CurrencyCode
}

// What the audit log calls acts that are about orders. Taking orders away changes nothing.
const (
	actCancel = "order.cancel"
	actExport = "orders.export"
)

// shownFigures are the figures as the page shows them.
func (hs *Handlers) shownFigures(ctx context.Context, s *sale.Snapshot) views.Figures {
	d := hs.figures(s)
	v := views.Figures{
		Clock: views.Moment{Text: s.Now.In(zoneOf(s.Zone)).Format("15:04:05 MST"), ISO: s.Now.UTC().Format(request.InstantLayout)}, ClockMilli: s.Now.UnixMilli(),
		Total: d.Sale.Total, Sold: d.Sale.Sold, Pending: d.Sale.Pending, Free: d.Sale.Free, Generation: s.Generation, Revision: s.Revision,
		SoldRate: text.Say(ctx, "%.1f", d.SoldPerSecond), AnswerRate: text.Say(ctx, "%.1f", d.AnswersPerSecond),
		P50: millisText(ctx, d.P50Millis), P95: millisText(ctx, d.P95Millis), P99: millisText(ctx, d.P99Millis),
		Undecided: d.Undecided, Lag: d.Lag, Outbox: d.OutboxWaiting, Streams: d.Streams,
		UndecidedAge: secondsText(ctx, d.UndecidedOldestMillis), OutboxAge: secondsText(ctx, d.OutboxOldestMillis), Stale: s.Stale,
	}
	for _, outcome := range outcomes(d.Answers) {
		v.Answers = append(v.Answers, views.Answer{Name: outcome, Label: outcomeLabel(ctx, outcome), Count: d.Answers[outcome]})
	}
	for _, name := range d.Degraded {
		v.Degraded = append(v.Degraded, degradedText(ctx, name))
	}
	for _, p := range d.Processes {
		one := views.Process{Name: p.Process, Version: p.Version, Since: momentIn(time.Time(p.Since), s.Zone)}
		for _, server := range p.Servers {
			one.Servers = append(one.Servers, views.Server{Name: server.Name, OK: server.OK, Since: momentIn(time.Time(server.Since), s.Zone), Detail: server.Detail})
		}
		v.Processes = append(v.Processes, one)
	}
	return v
}

// outcomes are those that the page always shows, and then the others that there were.
func outcomes(answers map[string]int64) []string {
	all := []string{"bought", "already-bought", "pending", "sold-out", "all-claimed"}
	for _, outcome := range counts.Outcomes(answers) {
		if !slices.Contains(all, outcome) {
			all = append(all, outcome)
		}
	}
	return all
}

func outcomeLabel(ctx context.Context, outcome string) string {
	switch outcome {
	case "bought":
		return text.Say(ctx, "Bought")
	case "already-bought":
		return text.Say(ctx, "Had bought already")
	case "pending":
		return text.Say(ctx, "Decided later")
	case "sold-out":
		return text.Say(ctx, "Sold out")
	case "all-claimed":
		return text.Say(ctx, "All claimed")
	case "not-started":
		return text.Say(ctx, "Not started")
	case "ended":
		return text.Say(ctx, "Ended")
	case "paused":
		return text.Say(ctx, "Paused")
	case "unavailable":
		return text.Say(ctx, "Not available")
	case "too-many-requests":
		return text.Say(ctx, "Pressed too often")
	case "overloaded":
		return text.Say(ctx, "Overloaded")
	case "not-authorized":
		return text.Say(ctx, "May not buy")
	case "unknown-shopper":
		return text.Say(ctx, "Unknown shopper")
	}
	return outcome
}

// degradedText says what the product does without a server.
func degradedText(ctx context.Context, server string) string {
	switch server {
	case "Redis":
		return text.Say(ctx, "Redis does not answer. Each process lets a bounded share of presses ask the ledger directly; the others are told to try again.")
	case "Kafka":
		return text.Say(ctx, "Kafka does not answer. Claims are decided directly, and events wait in the outbox.")
	case "PostgreSQL":
		return text.Say(ctx, "PostgreSQL does not answer. Nothing is confirmed; acknowledged presses wait for their verdict, and the figures stand still.")
	}
	return text.Say(ctx, "%s does not answer.", server)
}

func millisText(ctx context.Context, ms *float64) string {
	if ms == nil {
		return "–"
	}
	return text.Say(ctx, "%.1f ms", *ms)
}

func secondsText(ctx context.Context, ms int64) string {
	return text.Say(ctx, "%.1f s", float64(ms)/1000)
}

// minutes is the table of the last fifteen minutes, the newest first.
func (hs *Handlers) minutes(ctx context.Context, s *sale.Snapshot) (all []views.Minute) {
	if hs.cfg.Figures == nil {
		return nil
	}
	seconds, bounds := hs.cfg.Figures.Seconds(), boundsOf(hs.cfg.Figures.Present().Processes)
	for to := len(seconds); to > 0; {
		minute := seconds[to-1].At.Truncate(time.Minute)
		from := to
		for from > 0 && !seconds[from-1].At.Before(minute) {
			from--
		}
		all = append(all, minuteOf(ctx, s, minute, seconds[max(0, from-1):to], from > 0, bounds))
		to = from
	}
	return all
}

// minuteOf adds up seconds. The first of them is only what was before when led is true.
func minuteOf(ctx context.Context, s *sale.Snapshot, at time.Time, of []counts.Second, led bool, bounds []float64) views.Minute {
	m := views.Minute{At: views.Moment{Text: at.In(zoneOf(s.Zone)).Format("15:04"), ISO: at.UTC().Format(request.InstantLayout)}, P50: "–", P99: "–"}
	first := 0
	if led {
		first = 1
	}
	var times []int64
	for i := first; i < len(of); i++ {
		one := secondOf(s.ID, of[max(0, i-1):i+1], bounds)
		m.Sold, m.Answers, m.Refused = m.Sold+int64(one.Sold), m.Answers+int64(one.Answers), m.Refused+int64(one.Refused)
		times = counts.Add(times, of[i].Times)
	}
	if v, ok := counts.Quantile(0.5, times, bounds); ok {
		m.P50 = millisText(ctx, inMillis(v))
	}
	if v, ok := counts.Quantile(0.99, times, bounds); ok {
		m.P99 = millisText(ctx, inMillis(v))
	}
	return m
}

// PreviewPage shows a sale as shoppers will see it, in the state that the query names, or as it is.
func (hs *Handlers) PreviewPage(c echo.Context) error {
	snap, err := hs.snapshot(c)
	if err != nil {
		return err
	}
	named, _, err := request.QueryValue(c, "state")
	if err != nil {
		return err
	}
	state := sale.Status(named)
	if named != "" && !slices.Contains(sale.Statuses(), state) {
		return request.BadField("state", "must be upcoming, active, paused, sold-out or ended")
	}
	back := layout.Link{Label: text.Say(desk.Speaking(c.Request()), "Back to %s", productName(&snap)), Path: deskSale(snap.Slug)}
	return hs.cfg.Pages.Preview(c, &snap, state, deskSale(snap.Slug)+"/preview", back)
}
