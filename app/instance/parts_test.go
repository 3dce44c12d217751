package instance

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"flashsale/app/config"
)

// Whatever in the program has a Run is on the list. A part that is made and not started gives no wrong answer, only a late
// one, so no other test finds it.
func TestEverythingThatRunsIsOnTheList(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	onList := map[string]bool{}
	// A certificate comes of files or of an authority, here of one that is away.
	d.Config.ACME = &config.ACME{Email: "admin@shop.example", Hosts: []string{"shop.example"}, CA: "https://127.0.0.1:1/directory"}
	other := d.start(t)
	d.stop(t, other)
	onList[reflect.TypeOf(other.certificate).Elem().String()] = slices.ContainsFunc(other.wiring.parts.list, func(one part) bool { return one.runner == other.certificate })
	d.Config.ACME = nil
	d.withAll(t)
	a := d.start(t)
	d.stop(t, a) // nothing changes while the values are inspected
	list := a.wiring.parts.list
	for _, one := range list {
		onList[reflect.TypeOf(one.runner).Elem().String()] = true
	}
	declared := runners(t, "../..")
	if len(declared) < 8 {
		t.Fatalf("only %v have a Run; the search is wrong", declared)
	}
	for _, name := range declared {
		if !onList[name] {
			t.Errorf("%s has a Run(context.Context) error and is on no list of parts", name)
		}
	}
	made := map[uintptr]string{}
	leadsTo(reflect.ValueOf(a), map[uintptr]bool{}, made)
	if len(made) < len(list) {
		t.Errorf("%d of %d parts are found in an instance; the search is wrong", len(made), len(list))
	}
	for _, one := range list {
		delete(made, reflect.ValueOf(one.runner).Pointer())
	}
	for _, name := range made {
		t.Errorf("an instance has a %s that is on no list of parts", name)
	}
}

// withAll sets what makes further parts of an instance.
func (d *deployment) withAll(t *testing.T) {
	t.Helper()
	d.withTLS(t)
	d.withReplica()
	d.Config.Traces = &config.Traces{Endpoint: "http://127.0.0.1:1/v1/traces", Sampler: "always_off", Service: "flashsale"}
}

// runners are the types of the module that have a method Run(context.Context) error, as "package.Type".
func runners(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && runs(f) {
				found = append(found, file.Name.Name+"."+receiver(f))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// runs is true for a method Run(context.Context) error.
func runs(f *ast.FuncDecl) bool {
	if f.Recv == nil || f.Name.Name != "Run" || f.Type.Params.NumFields() != 1 || f.Type.Results.NumFields() != 1 {
		return false
	}
	argument, ok := f.Type.Params.List[0].Type.(*ast.SelectorExpr)
	result, plain := f.Type.Results.List[0].Type.(*ast.Ident)
	return ok && plain && argument.Sel.Name == "Context" && result.Name == "error"
}

func receiver(f *ast.FuncDecl) string {
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	return of.(*ast.Ident).Name
}

// leadsTo collects the types with a Run among all values of the module that can be reached from a value.
func leadsTo(v reflect.Value, seen map[uintptr]bool, made map[uintptr]string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] || !ours(v.Type().Elem()) {
			return
		}
		seen[v.Pointer()] = true
		if v.Type().Implements(reflect.TypeFor[runner]()) && v.Type().Elem().Kind() == reflect.Struct && !embeds(v.Type().Elem()) {
			made[v.Pointer()] = v.Type().String()
		}
		leadsTo(v.Elem(), seen, made)
	case reflect.Interface:
		leadsTo(v.Elem(), seen, made)
	case reflect.Struct:
		for i := range v.NumField() {
			leadsTo(v.Field(i), seen, made)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			leadsTo(v.Index(i), seen, made)
		}
	case reflect.Map:
		for each := v.MapRange(); each.Next(); {
			leadsTo(each.Value(), seen, made)
		}
	default:
	}
}

func ours(t reflect.Type) bool { return strings.HasPrefix(t.PkgPath(), "flashsale") }

// embeds is true for a type whose Run is that of something it embeds.
func embeds(t reflect.Type) bool {
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && (f.Type.Implements(reflect.TypeFor[runner]()) || reflect.PointerTo(f.Type).Implements(reflect.TypeFor[runner]())) {
			return true
		}
	}
	return false
}

// An instance starts its list, and nothing twice. A saturated one leaves out the parts that change places.
func TestAnInstanceStartsItsList(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	for name, c := range map[string]struct {
		options []Option
		left    []string
	}{
		"an instance":          {nil, nil},
		"a saturated instance": {[]Option{Saturated(100)}, []string{"ledger", "outbox", "probes", "reconciler"}},
	} {
		a := d.start(t, c.options...)
		var want, got []string
		for _, one := range a.wiring.parts.list {
			if !slices.Contains(c.left, one.name) {
				want = append(want, one.name)
			}
		}
		for _, one := range a.wiring.parts.running {
			got = append(got, one.name)
		}
		slices.Sort(want)
		if got[0] != "directory" {
			t.Errorf("%s starts %s first", name, got[0])
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s runs %v, want %v", name, got, want)
		}
		d.stop(t, a)
		if len(a.wiring.parts.running) != 0 {
			t.Errorf("%s left %d parts running", name, len(a.wiring.parts.running))
		}
	}
}

var firstColumn = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// The page "What runs in a process" has a row for each part, in the order of their start, and no other row.
func TestThePageOfPartsListsThemAll(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "parts.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "# What runs in a process\n")
	if !ok {
		t.Fatal("the page of what runs in a process is not there")
	}
	section, _, _ := strings.Cut(rest, "\n#")
	var told, run []string
	for _, row := range firstColumn.FindAllStringSubmatch(section, -1) {
		told = append(told, row[1])
	}
	d := newDeployment(t)
	d.withAll(t)
	for _, one := range d.start(t).wiring.parts.running {
		run = append(run, one.name)
	}
	if !slices.Equal(told, run) {
		t.Errorf("the page tells of %v, an instance starts %v", told, run)
	}
}

// trace is a part that sends a message when it begins and one when it ends.
type trace struct {
	name string
	said chan string
}

func (r trace) Run(ctx context.Context) error {
	r.said <- "+" + r.name
	<-ctx.Done()
	r.said <- "-" + r.name
	return nil
}

func TestPartsEndInTheReverseOrderOfTheirStart(t *testing.T) {
	t.Parallel()
	said := make(chan string, 100)
	var p parts
	p.add("decider", deciding, trace{name: "decider", said: said})
	p.add("server 1", serving, trace{name: "server 1", said: said})
	p.add("knower", knowing, trace{name: "knower", said: said})
	p.add("left out", serving, trace{name: "left out", said: said})
	p.add("server 2", serving, trace{name: "server 2", said: said})
	if err := p.leaveOut("unknown"); err == nil {
		t.Error("a part that is not there was left out")
	}
	if err := p.leaveOut("left out"); err != nil {
		t.Error(err)
	}
	log := slog.New(slog.DiscardHandler)
	p.start(knowing, log)
	if got := <-said; got != "+knower" || len(p.running) != 1 {
		t.Errorf("%s begins, %d run", got, len(p.running))
	}
	p.start(deciding, log)
	p.start(deciding, log)
	for range 3 {
		<-said
	}
	if err := p.stop(t.Context(), deciding); err != nil || len(p.running) != 3 {
		t.Errorf("%v, %d left", err, len(p.running))
	}
	if err := p.stop(t.Context(), knowing); err != nil {
		t.Error(err)
	}
	var got []string
	for range 4 {
		got = append(got, <-said)
	}
	if want := []string{"-decider", "-server 2", "-server 1", "-knower"}; !slices.Equal(got, want) {
		t.Errorf("they ended as %v, want %v", got, want)
	}
	if len(said) != 0 {
		t.Errorf("%d more messages", len(said))
	}
}

// A part that does not end is named in the error, and the others end all the same.
func TestAPartThatDoesNotEndIsNamed(t *testing.T) {
	t.Parallel()
	said, free := make(chan string, 10), make(chan struct{})
	var p parts
	p.add("server 1", serving, trace{name: "server 1", said: said})
	p.add("sleeper", serving, sleeper(free))
	p.start(deciding, slog.New(slog.DiscardHandler))
	<-said
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := p.stop(ctx, knowing)
	if err == nil || !strings.Contains(err.Error(), "sleeper") {
		t.Errorf("stop: %v", err)
	}
	if got := <-said; got != "-server 1" {
		t.Errorf("%q", got)
	}
	close(free)
}

// sleeper ignores its context.
type sleeper chan struct{}

func (s sleeper) Run(context.Context) error { <-s; return nil }

// flaky fails at first and then runs.
type flaky struct{ runs chan struct{} }

func (f flaky) Run(ctx context.Context) error {
	f.runs <- struct{}{}
	if len(f.runs) < 2 {
		return errors.New("a passing fault")
	}
	<-ctx.Done()
	return nil
}

func TestAPartThatEndsByItselfIsStartedAgain(t *testing.T) {
	t.Parallel()
	one := flaky{make(chan struct{}, 10)}
	var p parts
	p.add("flaky", serving, one)
	p.start(deciding, slog.New(slog.DiscardHandler))
	eventually(t, "it runs again", func() bool { return len(one.runs) == 2 })
	if err := p.stop(t.Context(), knowing); err != nil {
		t.Error(err)
	}
}
