package app

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Each row of timebudget.md is true: the relation holds, and the figures are those of the constants.
func TestTheTimeBudgetHolds(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("timebudget.md")
	if err != nil {
		t.Fatal(err)
	}
	known := constants(t)
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` (\\S+) \\| (<|<=|=) \\| `([^`]+)` (\\S+) \\| (.+) \\|$").FindAllStringSubmatch(string(page), -1)
	if lines := strings.Count(string(page), "\n| `"); len(rows) != lines || lines < 40 {
		t.Errorf("%d rows can be read of %d", len(rows), lines)
	}
	for _, row := range rows {
		left, leftErr := known.value(row[1])
		right, rightErr := known.value(row[4])
		if err := errors.Join(leftErr, rightErr); err != nil {
			t.Errorf("%s %s %s: %v", row[1], row[3], row[4], err)
			continue
		}
		if row[2] != left.String() || row[5] != right.String() {
			t.Errorf("the page says that %s is %s and %s is %s; they are %v and %v", row[1], row[2], row[4], row[5], left, right)
		}
		if !(row[3] == "<" && left < right || row[3] == "<=" && left <= right || row[3] == "=" && left == right) {
			t.Errorf("%s (%v) %s %s (%v) does not hold: %s", row[1], left, row[3], row[4], right, row[6])
		}
	}
}

// durations are constants of the program by package and name, as they stand in the source.
type durations map[string]constant

// constant is an expression and the package in which its names are looked up.
type constant struct {
	of   string
	expr ast.Expr
}

// constants reads those of the program, and what compose.yaml gives the product.
func constants(t *testing.T) durations {
	t.Helper()
	known := durations{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err == nil {
			known.read(file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	known.readCompose(t)
	return known
}

func (d durations) read(file *ast.File) {
	for _, one := range file.Decls {
		group, ok := one.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			v := spec.(*ast.ValueSpec)
			for i, expr := range v.Values {
				d[file.Name.Name+"."+v.Names[i].Name] = constant{file.Name.Name, expr}
			}
		}
	}
}

// readCompose takes in the times of the service that is the product, which stand behind its name.
func (d durations) readCompose(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, product, ok := strings.Cut(string(text), "\n  app:\n")
	if !ok {
		t.Fatal("compose.yaml has no service app")
	}
	for _, name := range []string{"stop_grace_period", "timeout"} {
		found := regexp.MustCompile(name + `: (\d+)s\n`).FindStringSubmatch(product)
		if found == nil {
			t.Fatalf("compose.yaml gives the product no %s in seconds", name)
		}
		expr, err := parser.ParseExpr(found[1] + " * time.Second")
		if err != nil {
			t.Fatal(err)
		}
		d["compose."+name] = constant{"compose", expr}
	}
}

// value computes an expression in which constants have the names of their packages.
func (d durations) value(text string) (time.Duration, error) {
	expr, err := parser.ParseExpr(text)
	if err != nil {
		return 0, err
	}
	n, err := d.compute("", expr)
	return time.Duration(n), err
}

func (d durations) compute(of string, expr ast.Expr) (int64, error) {
	switch e := expr.(type) {
	case *ast.BasicLit:
		return strconv.ParseInt(strings.ReplaceAll(e.Value, "_", ""), 0, 64)
	case *ast.ParenExpr:
		return d.compute(of, e.X)
	case *ast.BinaryExpr:
		return d.operate(of, e)
	case *ast.Ident:
		return d.named(of + "." + e.Name)
	case *ast.SelectorExpr:
		if from, ok := e.X.(*ast.Ident); ok {
			return d.named(from.Name + "." + e.Sel.Name)
		}
	}
	return 0, fmt.Errorf("%T cannot be part of a time", expr)
}

func (d durations) operate(of string, e *ast.BinaryExpr) (int64, error) {
	x, errX := d.compute(of, e.X)
	y, errY := d.compute(of, e.Y)
	if err := errors.Join(errX, errY); err != nil {
		return 0, err
	}
	switch op := e.Op.String(); op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "/":
		if y == 0 {
			return 0, errors.New("a division by zero")
		}
		return x / y, nil
	default:
		return 0, fmt.Errorf("%d %s %d cannot be part of a time", x, op, y)
	}
}

func (d durations) named(name string) (int64, error) {
	if unit, ok := map[string]time.Duration{"time.Nanosecond": 1, "time.Microsecond": time.Microsecond, "time.Millisecond": time.Millisecond,
		"time.Second": time.Second, "time.Minute": time.Minute, "time.Hour": time.Hour}[name]; ok {
		return int64(unit), nil
	}
	c, ok := d[name]
	if !ok {
		return 0, fmt.Errorf("there is no constant %s", name)
	}
	return d.compute(c.of, c.expr)
}
