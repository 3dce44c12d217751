package admin

import (
	"context"
	"strconv"

	"flashsale/static"
	"flashsale/views/layout"
	"flashsale/views/text"
)

// Desk is what all pages of the desk have.
type Desk struct {
	Frame layout.Frame
	// Places are where else one can go. The page is in the one that is Here.
	Places []Place
	// Notice says what the last act did, Problem why one did nothing.
	Notice, Problem string
	// AsOf says how old what is shown is, when that is more than a moment.
	AsOf string
	// MayAct is false for viewers.
	MayAct bool
}

// Place is a part of the desk.
type Place = layout.Place

// NewDesk is the frame of a page of the desk.
func NewDesk(assets layout.Assets, visitor layout.Visitor, title string) Desk {
	return Desk{Frame: layout.Frame{Assets: assets, Visitor: visitor, Title: title, Still: true, Sheet: static.URL("desk.css")}}
}

// Moment is a time as people in the sale's zone write it, and for machines.
type Moment struct{ Text, ISO string }

// Line is a sale in the list.
type Line struct {
	Slug, Name string
	State      State
	Start, End Moment
	Sold       int64
	Total      int64
}

// State is how a sale stands, by the name that programs know.
type State string

// Label is the state for people.
func (s State) Label(ctx context.Context) string {
	switch s {
	case "draft":
		return text.Say(ctx, "Draft")
	case "scheduled":
		return text.Say(ctx, "Scheduled")
	case "open":
		return text.Say(ctx, "Open")
	case "paused":
		return text.Say(ctx, "Paused")
	case "closing":
		return text.Say(ctx, "Closing")
	case "closed":
		return text.Say(ctx, "Closed")
	}
	return string(s)
}

// tone is the colour of a state.
func (s State) tone() string {
	switch s {
	case "open":
		return "good"
	case "paused":
		return "bad"
	case "scheduled", "closing":
		return "note"
	}
	return ""
}

// Sales is the list of sales.
type Sales struct {
	Desk
	Lines []Line
	// Archived is true for the list of those that were put away.
	Archived bool
}

// Show is the run of show of one sale.
type Show struct {
	Desk
	Slug, Name string
	State      State
	Archived   bool
	Figures    Figures
	// Start and End are the sale's times, in its zone.
	Start, End Moment
	Zone       string
	// Message is what shoppers read.
	Message string
	// Left is how long until the sale opens or ends; Until says which. Empty: nothing is to come.
	Left, Until string
	UntilMilli  int64
	Checklist   []Check
	Acts        []Act
	History     []Event
	Minutes     []Minute
	// Stream is where the figures come from, and Series the last fifteen minutes.
	Stream, Series string
}

// Figures are what moves.
type Figures struct {
	Clock                           Moment
	ClockMilli                      int64
	Total, Sold, Pending, Free      int64
	Generation, Revision            int64
	SoldRate, AnswerRate            string
	P50, P95, P99                   string
	Answers                         []Answer
	Undecided, Lag, Outbox, Streams int64
	UndecidedAge, OutboxAge         string
	Processes                       []Process
	Degraded                        []string
	Stale                           bool
}

// Answer is how many answers of the last ten seconds had an outcome.
type Answer struct {
	// Name is that of the outcome for programs.
	Name, Label string
	Count       int64
}

// Process is one that runs the product.
type Process struct {
	Name, Version string
	Since         Moment
	Servers       []Server
}

// Server is one that a process needs.
type Server struct {
	Name   string
	OK     bool
	Since  Moment
	Detail string
}

// Check is a line of what is to be done before a sale is announced.
type Check struct {
	Label, Detail string
	Done          bool
	// Apart opens a tab of its own.
	Apart bool
	// Path is where it is done, and Way what that link says; empty: nowhere.
	Path, Way string
}

// Act is something that an operator can do to a sale.
type Act struct {
	Name, Label, Path string
	// Key is its key on the keyboard; empty: it has none.
	Key string
	// Off says why it is not possible now; empty: it is.
	Off string
	// Apart opens a tab of its own.
	Apart bool
	// Grave acts are set apart.
	Grave bool
}

// Event is an act of the past.
type Event struct {
	At            Moment
	Who, By, What string
	Detail        string
	// Changed is false for an act that changed nothing.
	Changed bool
	// Order is the page of the order that the act was on; empty: it was on none.
	Order string
	// Path is where the audit log has it.
	Path string
}

// Minute is a line of the table that says what the charts show.
type Minute struct {
	At                     Moment
	Sold, Answers, Refused int64
	P50, P99               string
}

// Step is the page before an act: what it will do.
type Step struct {
	Desk
	Slug, Name string
	Heading    string
	// Effects say what will happen. Without them the page asks first.
	Effects []string
	// Off says why it is not possible now.
	Off string
	// Facts are how the sale stands.
	Facts []Fact
	// Changed has what was seen beside what is, when another act came in between.
	Changed []Change
	// Action takes the act, with Key and Revision; Ask is where the page asks itself what it needs to know.
	Action, Ask   string
	Key, Revision string
	Hidden        []Hidden
	Inputs        []Input
	Choices       []Choice
	Submit        string
	Grave         bool
}

// Fact is a label with its value.
type Fact struct{ Label, Value string }

// Change is a value that was seen and the one that is.
type Change struct{ Label, Seen, Present string }

// Hidden is a value that a form sends and nobody sees.
type Hidden struct{ Name, Value string }

// Input is a field with its label.
type Input struct {
	// Name is what the form calls the value, and the id of the field.
	Name, Label string
	// Type is text, number, datetime-local or file; area for several lines.
	Type string
	// Accept are the kinds of files that a browser offers.
	Accept string
	Hint   string
	// Value is what was typed before.
	Value, Error string
	Optional     bool
	Min, Max     string
	MaxLength    string
	// List has suggestions.
	List []string
	// Mode is the keyboard of a phone; "" is the usual one.
	Mode string
	// Asked are the times that were meant, when there are several: one is to be chosen.
	Asked []Option
}

// describedBy are the ids of the texts that belong to the field.
func (i Input) describedBy() string {
	by := ""
	if i.Error != "" {
		by = i.Name + "-error"
	}
	if i.Hint != "" {
		if by != "" {
			by += " "
		}
		by += i.Name + "-hint"
	}
	return by
}

// Choice is a question with a few answers.
type Choice struct {
	Name, Label string
	Options     []Option
}

// Option is an answer of a Choice.
type Option struct {
	Value, Label string
	Chosen       bool
}

// Form is the page of a form about a sale.
type Form struct {
	Desk
	Heading string
	Lead    []string
	Action  string
	// Key makes that the form acts once, and Revision is the sale that it was made for.
	Key, Revision string
	Groups        []Group
	Submit        string
	Back          layout.Link
}

// Group is a part of a form under a heading.
type Group struct {
	Heading string
	// Lead stands before the fields; empty: nothing does.
	Lead   string
	Inputs []Input
}

// digits is a number for programs.
func digits(n int64) string { return strconv.FormatInt(n, 10) }

// percent is how much of a sale is sold.
func percent(sold, total int64) string {
	if total == 0 {
		return "0"
	}
	return digits(100 * sold / total)
}

func salePath(slug string) string { return "/admin/sales/" + slug }
