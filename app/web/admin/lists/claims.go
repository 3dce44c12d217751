package lists

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/figures"
	"flashsale/app/web/desk"
	"flashsale/app/web/request"
	"flashsale/events"
	"flashsale/sale"
	views "flashsale/views/admin"
	"flashsale/views/layout"
	"flashsale/views/text"
)

const (
	// mostClaims is how many claims are listed, those that wait longest.
	mostClaims = 200
	// longWait is after how long a claim without a verdict is something to look into.
	longWait = 30 * time.Second
	// verdictsTime bounds the question to the ledger which of the claims have their verdict by now.
	verdictsTime = 2 * time.Second
)

// undecided are the claims without a verdict that processes tell of.
type undecided struct {
	Claims []waitingClaim `json:"claims"`
	// More is true when claims are left out.
	More bool `json:"more"`
	// Checked is false when the ledger could not be asked: then some of the claims may be decided.
	Checked bool `json:"checked"`
	// The others are of all sales. Undecided is how many claims the processes know of, among them those that are listed by none because
	// they wait for half a second at most.
	Undecided    int64 `json:"undecidedClaims"`
	OldestMillis int64 `json:"undecidedOldestMillis"`
	Lag          int64 `json:"lagRecords"`
}

type waitingClaim struct {
	ID         uuid.UUID      `json:"claimId"`
	Sale       string         `json:"sale"`
	Generation int64          `json:"generation"`
	Shopper    shopperOfOrder `json:"shopper"`
	// Pressed is absent when it is not known.
	Pressed request.Instant `json:"pressedAt,omitzero"`
	// Partition and Offset are absent while the log has not acknowledged the claim.
	Partition   *int              `json:"partition,omitempty"`
	Offset      *int64            `json:"offset,omitempty"`
	WaitsMillis int64             `json:"waitsMillis"`
	Processes   []lookingDocument `json:"processes"`

	zone *time.Location
}

// lookingDocument is a process that knows of a claim, and what it does: answering, told or deciding, as in package events.
type lookingDocument struct {
	Process string       `json:"process"`
	Doing   events.Doing `json:"doing"`
}

// Claims lists the claims that have no verdict yet, of all sales or of one, and those first that have waited longest.
func (hs *Handlers) Claims(c echo.Context) error {
	_, list, err := hs.undecided(c)
	if err != nil {
		return err
	}
	return request.WriteJSON(c, http.StatusOK, list)
}

// undecided reads which claims are asked for, and puts together what is known of them. of has no id when all sales are meant.
func (hs *Handlers) undecided(c echo.Context) (of sale.Snapshot, list undecided, err error) {
	list = undecided{Claims: []waitingClaim{}, Checked: true}
	slug, err := queryText(c, fieldSale)
	if err == nil && slug != "" {
		of, err = hs.cfg.Catalog.Snapshot(slug)
	}
	if err != nil || hs.cfg.Figures == nil {
		return of, list, err
	}
	p := hs.cfg.Figures.Present()
	list.Undecided, list.OldestMillis = p.Undecided, int64(1000*p.UndecidedAge)
	for _, n := range p.Lag {
		list.Lag += n
	}
	told := hs.cfg.Figures.Claims()
	if of.ID != 0 {
		told = slices.DeleteFunc(told, func(w figures.Waiting) bool { return w.Sale != of.ID })
	}
	told, list.Checked = hs.withoutVerdict(c.Request().Context(), told)
	sales := map[int64]sale.Snapshot{}
	for _, s := range hs.cfg.Catalog.All() {
		sales[s.ID] = s
	}
	for i := range told {
		list.Claims = append(list.Claims, waitingOf(&told[i], sales))
	}
	slices.SortStableFunc(list.Claims, func(a, b waitingClaim) int { return cmp.Compare(b.WaitsMillis, a.WaitsMillis) })
	if len(list.Claims) > mostClaims {
		list.Claims, list.More = list.Claims[:mostClaims], true
	}
	return of, list, nil
}

// withoutVerdict leaves out the claims that the ledger has decided since the processes told of them. asked is false when it does not
// answer: then all are left in.
func (hs *Handlers) withoutVerdict(ctx context.Context, told []figures.Waiting) (open []figures.Waiting, asked bool) {
	if len(told) == 0 {
		return nil, true
	}
	ids := make([]uuid.UUID, len(told))
	for i := range told {
		ids[i] = told[i].ID
	}
	ctx, cancel := context.WithTimeout(ctx, verdictsTime)
	defer cancel()
	decided, err := hs.cfg.Desk.Decided(ctx, ids)
	if err != nil {
		return told, false
	}
	return slices.DeleteFunc(told, func(w figures.Waiting) bool { return slices.Contains(decided, w.ID) }), true
}

// waitingOf is a claim with the sale that it is of. It waits since it was pressed, by the clock of the ledger where that is known.
func waitingOf(w *figures.Waiting, sales map[int64]sale.Snapshot) waitingClaim {
	s := sales[w.Sale]
	d := waitingClaim{
		ID: w.ID, Sale: s.Slug, Generation: w.Generation, Shopper: shopperOfOrder{Account: w.Account, Username: w.Username},
		Pressed: request.Instant(w.Pressed), Partition: w.Partition, Offset: w.Offset, WaitsMillis: w.Millis, zone: clockOf(s.Zone),
	}
	if !w.Pressed.IsZero() && !s.Now.IsZero() {
		d.WaitsMillis = max(d.WaitsMillis, s.Now.Sub(w.Pressed).Milliseconds())
	}
	for _, p := range w.Processes {
		d.Processes = append(d.Processes, lookingDocument{p.Process, events.Doing(p.Doing)})
	}
	return d
}

// ClaimsPage is the list as a page.
func (hs *Handlers) ClaimsPage(c echo.Context) error {
	ctx := desk.Speaking(c.Request())
	of, list, err := hs.undecided(c)
	if err != nil {
		return err
	}
	page := views.Claims{
		Desk: hs.cfg.Frame.Page(c, desk.Sales, text.Say(ctx, "Undecided claims")), Undecided: list.Undecided, Lag: list.Lag, More: list.More,
		Again: c.Request().URL.RequestURI(), Oldest: text.Say(ctx, "%.1f s", float64(list.OldestMillis)/1000), Advice: advice(ctx, &list),
	}
	if of.ID != 0 {
		page.Sale, page.AllSales = layout.Link{Label: saleName(&of), Path: salePage(of.Slug)}, desk.Claims
	}
	if !list.Checked {
		page.Problem = text.Say(ctx, "The ledger does not answer now, so some of these claims may be decided already.")
	}
	for i := range list.Claims {
		page.Lines = append(page.Lines, claimLine(ctx, &list.Claims[i]))
	}
	return hs.cfg.Frame.Send(c, http.StatusOK, views.ClaimsPage(page))
}

// advice says what is to be done.
func advice(ctx context.Context, list *undecided) string {
	oldest := time.Duration(list.OldestMillis) * time.Millisecond
	if len(list.Claims) > 0 {
		oldest = max(oldest, time.Duration(list.Claims[0].WaitsMillis)*time.Millisecond)
	}
	switch {
	case list.Undecided == 0 && len(list.Claims) == 0 && list.Lag == 0:
		return text.Say(ctx, "No claim waits for its verdict. There is nothing to do.")
	case oldest <= longWait:
		return text.Say(ctx, "Claims are decided in a moment as a rule. Wait, and look again; there is nothing else to do.")
	}
	return text.Say(ctx, "That is long. Look at the health of the servers in the run of show: while PostgreSQL or Kafka does not answer, that is the cause, and the claims are decided by themselves once it does. "+
		"If every server answers, look into the log of the process that decides them, and run “flashsale doctor”. Tell nobody that they have or have not bought: only a verdict says it.")
}

func claimLine(ctx context.Context, w *waitingClaim) views.ClaimLine {
	l := views.ClaimLine{
		ID: w.ID.String(), Sale: layout.Link{Label: w.Sale, Path: salePage(w.Sale)}, Generation: w.Generation, Long: w.WaitsMillis > longWait.Milliseconds(),
		Shopper: views.Buyer{Name: w.Shopper.Username, Path: desk.Shoppers + "/" + url.PathEscape(w.Shopper.Username)},
		Pressed: momentAt(time.Time(w.Pressed), w.zone), Waits: text.Say(ctx, "%.1f s", float64(w.WaitsMillis)/1000),
		Place: text.Say(ctx, "not acknowledged by the log"),
	}
	if w.Offset != nil && w.Partition != nil {
		l.Place = text.Say(ctx, "partition %s, offset %s", strconv.Itoa(*w.Partition), strconv.FormatInt(*w.Offset, 10))
	}
	for _, p := range w.Processes {
		l.Processes = append(l.Processes, views.Looking{Process: p.Process, Doing: doing(ctx, p.Doing)})
	}
	return l
}

func doing(ctx context.Context, d events.Doing) string {
	switch d {
	case events.Answering:
		return text.Say(ctx, "a press waits there for the verdict")
	case events.Told:
		return text.Say(ctx, "has told the shopper that the verdict comes later")
	case events.Deciding:
		return text.Say(ctx, "has read it from the log, and tries to decide it")
	}
	return string(d) // of a later version
}
