package stress

import "context"

// DefaultScenario is what runs when nothing was asked for: a thousand shoppers for five units.
const DefaultScenario = "1000"

// Scenario is a number of shoppers, a stock, and the outcome that they must have.
type Scenario struct {
	Name  string
	About string
	// Users press once each, for Stock units.
	Users, Stock int
	// preset sets the stock up as the button of the page does; empty: reset, then the stock by number.
	preset string
	// steps sets up, makes the shoppers press, and checks the outcome.
	steps func(context.Context, *run) error
}

// Scenarios lists what `flashsale stress` offers, in the order in which "all" runs them.
func Scenarios() []Scenario {
	return []Scenario{
		{"race", "10 shoppers at once for 5 units", 10, 5, "", sellStock},
		{"100", "100 shoppers for 5 units", 100, 5, "", sellStock},
		{"1000", "1,000 shoppers for 5 units", 1000, 5, "", sellStock},
		{"small", "3 shoppers for the 5 units of the preset, 2 are left", 3, 5, "small", sellStock},
		{"medium", "80 shoppers for the 100 units of the preset, 20 are left", 80, 100, "medium", sellStock},
		{"large", "200 shoppers for the 1,000 units of the preset, 800 are left", 200, 1000, "large", sellStock},
		{"extreme", "10,000 shoppers for the 10,000 units of the preset", 10_000, 10_000, "extreme", sellStock},
		{"switching", "presets changed between and during purchases", 150, 100, "medium", switching},
	}
}

func custom(users, stock int) Scenario {
	return Scenario{Name: "custom", About: "as given", Users: users, Stock: stock, steps: sellStock}
}

// sellStock is every scenario but one: all press at the same moment, and exactly as many as there are units, or all of
// them, have bought in the end.
func sellStock(ctx context.Context, r *run) error {
	if err := r.seed(ctx, r.scenario.Users); err != nil {
		return err
	}
	if err := r.stock(ctx, r.scenario.preset, r.scenario.Stock); err != nil {
		return err
	}
	r.makeShoppers(r.scenario.Users)
	if err := r.pressAll(ctx); err != nil {
		return err
	}
	return r.audit(ctx)
}
