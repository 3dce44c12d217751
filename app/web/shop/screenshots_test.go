package shop

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"flashsale/sale"
	"flashsale/views/shop"
	"flashsale/views/text"
)

func soldProduct() *sale.Product {
	front := sale.Image{URL: "/static/product/front.svg", Alt: "The headphones from the front"}
	side := sale.Image{URL: "/static/product/side.svg", Alt: "The headphones from the side"}
	folded := sale.Image{URL: "/static/product/case.svg", Alt: "The headphones folded into their case"}
	return &sale.Product{
		Name:          "Aurora One wireless headphones",
		Description:   "Over-ear headphones with active noise cancelling and forty hours of playing time, in a limited first edition.",
		Details:       []string{"Adaptive noise cancelling that follows your surroundings", "Cushions and battery can be replaced without tools"},
		Specification: []sale.Fact{{Name: "Weight", Value: "248 g"}, {Name: "In the box", Value: "Headphones, case, USB-C cable, 3.5 mm cable"}},
		ImportantInfo: []string{"One unit per person while the flash sale lasts.", "The price includes taxes. Delivery takes three to five working days."},
		Images:        sale.Images{Main: front, Gallery: []sale.Image{front, side, folded}},
		PriceMinor:    49_900, DiscountMinor: 20_000, CurrencyCode: "USD", CurrencySymbol: "$",
	}
}

// scenes are the states of a sale that a shopper can meet.
func scenes() map[string]*scene {
	made := map[string]*scene{}
	for name, change := range map[string]func(*scene){
		"upcoming": func(sc *scene) {
			sc.snapshot.State, sc.snapshot.StartsAt, sc.snapshot.Taken = sale.Scheduled, noon.Add(754*time.Second), 0
		},
		"live":        func(*scene) {},
		"all-claimed": func(sc *scene) { sc.snapshot.Taken, sc.snapshot.AllClaimed = 96, true },
		"paused":      func(sc *scene) { sc.snapshot.State = sale.Paused },
		"sold-out":    func(sc *scene) { sc.snapshot.Taken = sc.snapshot.Total },
		"gone": func(sc *scene) {
			sc.snapshot.Taken = sc.snapshot.Total
			sc.snapshot.Sellout = sale.Sellout{Opened: noon.Add(-time.Minute), At: noon.Add(-time.Minute + 700*time.Millisecond)}
		},
		"message": func(sc *scene) {
			sc.snapshot.State, sc.snapshot.Message = sale.Paused, "The card payment is away. We go on at 14:00 <UTC>."
		},
		"closed": func(sc *scene) { sc.snapshot.State = sale.Closed },
		"far":    func(sc *scene) { sc.snapshot.EndsAt = noon.AddDate(1, 0, 0) },
		"ended":  func(sc *scene) { sc.snapshot.EndsAt = noon.Add(-time.Minute) },
		"none":   func(sc *scene) { sc.snapshot, sc.err = sale.Snapshot{}, sale.ErrNoSale },
		"stale":  func(sc *scene) { sc.snapshot.Stale = true },
	} {
		sc := &scene{snapshot: activeSale(), users: someUsers()}
		sc.snapshot.Total, sc.snapshot.Taken, sc.snapshot.Product = 100, 28, soldProduct()
		change(sc)
		made[name] = sc
	}
	return made
}

// otherSales are one that comes, one that is over, and one with a long name.
func otherSales() []sale.Snapshot {
	next, past, long := activeSale(), activeSale(), activeSale()
	next.ID, next.Slug, next.State, next.StartsAt, next.EndsAt, next.Product = 2, "clock", sale.Scheduled, noon.Add(50*time.Hour), noon.Add(51*time.Hour), soldProduct()
	next.Product.Name, next.Product.Images.Main.URL = "Meridian desk clock", "/static/product/case.svg"
	past.ID, past.Slug, past.State, past.Product = 3, "lamp", sale.Closed, soldProduct()
	past.Product.Name, past.StartsAt, past.EndsAt = "Harbour lamp", noon.Add(-50*time.Hour), noon.Add(-49*time.Hour)
	long.ID, long.Slug, long.State, long.StartsAt, long.EndsAt, long.Product = 4, "long", sale.Scheduled, noon.Add(90*time.Hour), noon.Add(91*time.Hour), soldProduct()
	long.Product.Name, long.Product.Images.Main.URL = "The "+strings.Repeat("very ", 12)+"long-named Donaudampfschifffahrtsgesellschaftskapitänsmütze", "/static/product/side.svg"
	return []sale.Snapshot{next, past, long}
}

func someUsers() shop.UserList {
	list := shop.UserList{Page: 2, Pages: 5, Total: 100}
	for i, name := range []string{"john_doe", "jane_smith", "bob_wilson", "alice_brown", "charlie_davis", "diana_miller"} {
		user := shop.User{Name: name, Email: name + "@example.com", MayPurchase: i%3 != 2}
		if i == 1 {
			user.OrderID = "0199c8a2-5f7e-8d11-9b3c-2f64a1e7c055"
		}
		list.Users = append(list.Users, user)
	}
	return list
}

// Screenshots saves a picture of the page in each state, for four sizes of window and both palettes, in the directory that
// SHOP_SCREENSHOTS names. They are for the eyes: without a directory there is nothing to do.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("SHOP_SCREENSHOTS")
	if dir == "" {
		t.Skip("SHOP_SCREENSHOTS names no directory")
	}
	s := openStage(t)
	all := scenes()
	over := *all["sold-out"]
	over.others = otherSales()
	all["sold-out-next"] = &over
	for _, width := range []int64{320, 390, 768, 1440} {
		for _, palette := range []string{"light", "dark"} {
			s.shows.Store(&scene{snapshot: all["live"].snapshot, others: otherSales()})
			s.do(chromedp.EmulateViewport(width, 844), media("prefers-color-scheme", palette), chromedp.Navigate(s.base+"/drops"), chromedp.WaitReady(".drops"))
			s.save(filepath.Join(dir, fmt.Sprintf("drops-%d-%s.png", width, palette)))
		}
	}
	defer text.OfferPseudo()()
	for _, language := range []string{"de", "ar-XB"} {
		for name, path := range map[string]string{"upcoming": "/?lang=", "live": "/?lang=", "users": "/?tab=users&notice=reset&lang=", "checked": "/?username=john_doe&check=1&lang="} {
			for _, width := range []int64{390, 1440} {
				s.do(chromedp.EmulateViewport(width, 844), media("prefers-color-scheme", "light"))
				s.open(cmp.Or(all[name], all["live"]), path+language)
				s.save(filepath.Join(dir, fmt.Sprintf("%s-%s-%d.png", name, language, width)))
			}
		}
	}
	for name, path := range map[string]string{
		"upcoming": "/", "live": "/", "all-claimed": "/", "paused": "/", "sold-out": "/", "sold-out-next": "/", "ended": "/", "none": "/", "stale": "/",
		"gone": "/", "message": "/", "closed": "/", "far": "/",
		"users": "/?tab=users&notice=reset", "named": "/?username=john_doe", "checked": "/?username=john_doe&check=1",
	} {
		sc := all[name]
		if sc == nil {
			sc = all["live"]
		}
		for _, width := range []int64{320, 390, 768, 1440} {
			for _, palette := range []string{"light", "dark"} {
				s.do(chromedp.EmulateViewport(width, 844), media("prefers-color-scheme", palette))
				s.open(sc, path)
				s.save(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, palette)))
			}
		}
	}
}

// save writes the whole page as it stands.
func (s *stage) save(file string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		s.Fatal(err)
	}
}
