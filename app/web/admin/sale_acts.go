package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"flashsale/app/operator"
	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users/login"
	views "flashsale/views/admin"
	"flashsale/views/text"
)

// Fields of acts on a sale.
const (
	fieldHow     = "how"
	fieldAmount  = "amount"
	fieldMinutes = "minutes"
	fieldUnits   = "stock"
	fieldConfirm = "confirm"
)

// How the stock is changed.
const (
	howSet  = "set"
	howAdd  = "add"
	howTake = "take"
)

// mostMinutes is by how much one act can extend a sale: a month.
const mostMinutes = 31 * 24 * 60

// saleAct is an act on a sale, of which pages and programs use the same handler.
type saleAct struct {
	name string
	// key is its key on the keyboard; empty: it has none.
	key string
	// grave acts cannot be taken back.
	grave bool
	// hurried acts need no revision: they stop something. They are wanted whatever a colleague has done meanwhile.
	hurried bool
	// evenStale lets an operator act while this process cannot know which sessions have ended.
	evenStale bool
	spec      request.Spec
	// said is the message for programs.
	said string
	do   func(hs *Handlers, c echo.Context, a operator.Act, slug string, v request.Values) (sale.Change, error)
	// possible is true in the states in which the act can be done.
	possible func(s *sale.Snapshot) bool
	label    func(ctx context.Context) string
	// step says what the act will do to the sale, or asks for what it needs to know. given is what was asked for already.
	step func(ctx context.Context, s *sale.Snapshot, given url.Values, page *views.Step)
}

// saleActs are the acts, in the order of the page.
func saleActs() []saleAct {
	return []saleAct{
		{name: "pause", key: "p", hurried: true, evenStale: true, said: "The sale is paused", do: plainly(Operations.Pause), possible: in(sale.Open),
			label: func(ctx context.Context) string { return text.Say(ctx, "Pause") }, step: pauseStep},
		{name: "resume", key: "r", said: "The sale goes on", do: plainly(Operations.Resume), possible: in(sale.Paused),
			label: func(ctx context.Context) string { return text.Say(ctx, "Resume") }, step: resumeStep},
		{name: "stock", key: "s", said: "The stock is changed", spec: request.Spec{fieldHow: request.Text, fieldAmount: request.Number}, do: changeStock,
			possible: func(s *sale.Snapshot) bool { return !s.Archived },
			label:    func(ctx context.Context) string { return text.Say(ctx, "Change the stock") }, step: stockStep},
		{name: "extend", key: "e", said: "The sale ends later", spec: request.Spec{fieldMinutes: request.Number}, do: extend,
			possible: extendable, label: func(ctx context.Context) string { return text.Say(ctx, "Extend") }, step: extendStep},
		{name: "message", key: "m", said: "The message is changed", spec: request.Spec{string(sale.FieldMessage): request.Text}, do: tell,
			possible: func(s *sale.Snapshot) bool { return !s.Archived },
			label:    func(ctx context.Context) string { return text.Say(ctx, "Message to shoppers") }, step: messageStep},
		{name: "open", key: "o", said: "The sale is open", do: plainly(Operations.Open), possible: in(sale.Scheduled),
			label: func(ctx context.Context) string { return text.Say(ctx, "Open now") }, step: openStep},
		{name: "schedule", said: "The sale is scheduled", do: plainly(Operations.Schedule),
			possible: func(s *sale.Snapshot) bool { return s.State == sale.Draft && !s.Archived },
			label:    func(ctx context.Context) string { return text.Say(ctx, "Schedule") }, step: scheduleStep},
		{name: "close", key: "c", grave: true, hurried: true, said: "The sale is closing", do: plainly(Operations.Close),
			possible: in(sale.Scheduled, sale.Open, sale.Paused),
			label:    func(ctx context.Context) string { return text.Say(ctx, "Close for good") }, step: closeStep},
		{name: "reset", grave: true, said: "A new generation has begun", spec: request.Spec{fieldUnits: request.Number, fieldConfirm: request.Text}, do: begin,
			possible: func(s *sale.Snapshot) bool { return s.State != sale.Draft },
			label:    func(ctx context.Context) string { return text.Say(ctx, "Reset") }, step: resetStep},
		{name: "archive", said: "The sale is archived", do: archive(true),
			possible: func(s *sale.Snapshot) bool {
				return !s.Archived && (s.State == sale.Draft || s.State == sale.Closed)
			},
			label: func(ctx context.Context) string { return text.Say(ctx, "Archive") }, step: archiveStep},
		{name: "bring-back", said: "The sale is in the list again", do: archive(false), possible: func(s *sale.Snapshot) bool { return s.Archived },
			label: func(ctx context.Context) string { return text.Say(ctx, "Bring back") }, step: bringBackStep},
	}
}

// actNamed is the act of that name.
func actNamed(name string) (saleAct, bool) {
	for _, a := range saleActs() {
		if a.name == name {
			return a, true
		}
	}
	return saleAct{}, false
}

func in(states ...sale.State) func(*sale.Snapshot) bool {
	return func(s *sale.Snapshot) bool {
		for _, one := range states {
			if s.State == one {
				return true
			}
		}
		return false
	}
}

func extendable(s *sale.Snapshot) bool {
	return !s.Archived && s.State != sale.Draft && s.State != sale.Closing
}

// plainly is an act without fields.
func plainly(
	act func(Operations, context.Context, operator.Act, string) (sale.Change, error),
) func(*Handlers, echo.Context, operator.Act, string, request.Values) (sale.Change, error) {
	return func(hs *Handlers, c echo.Context, a operator.Act, slug string, _ request.Values) (sale.Change, error) {
		return act(hs.cfg.Operations, c.Request().Context(), a, slug)
	}
}

func archive(away bool) func(*Handlers, echo.Context, operator.Act, string, request.Values) (sale.Change, error) {
	return func(hs *Handlers, c echo.Context, a operator.Act, slug string, _ request.Values) (sale.Change, error) {
		return hs.cfg.Operations.Archive(c.Request().Context(), a, slug, away)
	}
}

func changeStock(hs *Handlers, c echo.Context, a operator.Act, slug string, v request.Values) (ch sale.Change, err error) {
	how, _ := v[fieldHow].(string)
	low := int64(1)
	if how == howSet {
		low = 0
	}
	n, err := v.Whole(fieldAmount, low, maxStock, -1)
	if err != nil {
		return ch, err
	}
	to := operator.StockChange{}
	switch how {
	case howSet:
		to.Set = &n
	case howAdd:
		to.Add = n
	case howTake:
		to.Add = -n
	default:
		return ch, request.BadField(fieldHow, "must be set, add or take")
	}
	return hs.cfg.Operations.ChangeStock(c.Request().Context(), a, slug, to, maxStock)
}

func extend(hs *Handlers, c echo.Context, a operator.Act, slug string, v request.Values) (ch sale.Change, err error) {
	n, err := v.Whole(fieldMinutes, 1, mostMinutes, 0)
	if err != nil {
		return ch, err
	}
	return hs.cfg.Operations.Extend(c.Request().Context(), a, slug, time.Duration(n)*time.Minute)
}

// tell changes what shoppers read on the sale's page.
func tell(hs *Handlers, c echo.Context, a operator.Act, slug string, v request.Values) (ch sale.Change, err error) {
	written, given := v[string(sale.FieldMessage)].(string)
	if !given {
		return ch, request.BadField(string(sale.FieldMessage), "is required; an empty one takes the message away")
	}
	message, err := sale.ReadMessage(written)
	if err != nil {
		return ch, request.BadField(string(sale.FieldMessage), err.Error())
	}
	return hs.cfg.Operations.Amend(c.Request().Context(), a, slug, sale.Amendment{Message: &message})
}

// begin resets a sale. One with orders is reset by owners only, who type its slug.
func begin(hs *Handlers, c echo.Context, a operator.Act, slug string, v request.Values) (ch sale.Change, err error) {
	var total *int64
	if _, given := v[fieldUnits]; given {
		n, err := v.Whole(fieldUnits, 0, maxStock, -1)
		if err != nil {
			return ch, err
		}
		total = &n
	}
	who, typed := hs.cfg.Desk.Principals.Of(c.Request()), ""
	typed, _ = v[fieldConfirm].(string)
	return hs.cfg.Operations.BeginAnew(c.Request().Context(), a, slug, total, func(before *sale.Snapshot) error {
		if before.State == sale.Draft {
			return sale.ErrState
		}
		if before.Taken == 0 {
			return nil
		}
		if err := who.RequireRole(login.Owner); err != nil {
			return err
		}
		if typed != before.Slug {
			return request.BadField(fieldConfirm, "must be the slug of the sale, "+before.Slug+", because the sale has orders")
		}
		return nil
	})
}

type actDocument struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	changed
}

// carryOut answers the form of a step, and programs.
func (hs *Handlers) carryOut(of saleAct) echo.HandlerFunc {
	return func(c echo.Context) error {
		spec := of.spec
		if spec == nil {
			spec = request.Spec{}
		}
		slug, a, v, err := hs.saleAct(c, spec)
		if err != nil {
			return err
		}
		if a.Match.Sent == "" && !of.hurried {
			return request.ErrRevisionRequired
		}
		change, err := of.do(hs, c, a, slug, v)
		if err != nil {
			return err
		}
		return hs.acted(c, &change, of.name, actDocument{Success: true, Message: of.said, changed: changedOf(&change)})
	}
}

// acted leads a browser to the sale's page, which says what was done, and gives everybody else the document.
func (hs *Handlers) acted(c echo.Context, change *sale.Change, name string, document any) error {
	hs.version.Set(c.Response().Header(), change.After.Version)
	request.SetRevision(c.Response().Header(), change.After.Revision)
	if request.WantsPage(c.Request()) {
		return c.Redirect(http.StatusSeeOther, deskSale(change.After.Slug)+"?done="+name)
	}
	return request.WriteJSON(c, http.StatusOK, document)
}

// doneNotice is the sentence for what an act did. The query only selects it.
func doneNotice(ctx context.Context, name string, s *sale.Snapshot) string {
	switch name {
	case "pause":
		return text.Say(ctx, "The sale is paused. Nobody can buy until you resume.")
	case "resume":
		return text.Say(ctx, "The sale goes on.")
	case "stock":
		return text.Say(ctx, "The stock is changed. It is now %d, of which %d are sold.", s.Total, s.Taken)
	case "message":
		if s.Message == "" {
			return text.Say(ctx, "Shoppers read no message any more.")
		}
		return text.Say(ctx, "Shoppers read the message.")
	case "extend":
		return text.Say(ctx, "The sale ends later, at %s.", momentIn(s.EndsAt, s.Zone).Text)
	case "open":
		return text.Say(ctx, "The sale is open.")
	case "schedule":
		return text.Say(ctx, "The sale is announced.")
	case "close":
		return text.Say(ctx, "The sale is closed, or will be once the last presses are decided.")
	case "reset":
		return text.Say(ctx, "A new generation has begun, with nothing sold.")
	case "archive":
		return text.Say(ctx, "The sale is archived.")
	case "bring-back":
		return text.Say(ctx, "The sale is in the list again.")
	case "create", "duplicate":
		return text.Say(ctx, "The sale is made, as a draft. Only the desk sees it until it is scheduled.")
	case "amend":
		return text.Say(ctx, "The sale is changed.")
	}
	return ""
}

// number is a whole number that was asked for, or false.
func number(given url.Values, field string) (int64, bool) {
	n, err := strconv.ParseInt(given.Get(field), 10, 64)
	return n, err == nil
}
