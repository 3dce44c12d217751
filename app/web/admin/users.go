package admin

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"flashsale/users/login"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/app/web/request"
	"flashsale/sale"
	"flashsale/users"
	"flashsale/views/shop"
	"flashsale/views/text"
)

const (
	defaultPageSize = 20
	maxPageSize     = 1000
	maxPage         = 1_000_000_000
)

// userList is a page of shoppers, oldest first, with what they bought in the sale's current generation.
type userList struct {
	Users      []userDocument `json:"users"`
	Pagination pagination     `json:"pagination"`
	// Message says which pages there are when the one that was asked for is not among them.
	Message string `json:"message,omitzero"`
}

type userDocument struct {
	ID           int64           `json:"id"`
	Username     string          `json:"username"`
	Email        string          `json:"email"`
	CanPurchase  bool            `json:"canPurchase"`
	HasPurchased bool            `json:"hasPurchased"`
	PurchaseID   uuid.UUID       `json:"purchaseId,omitzero"`
	CreatedAt    request.Instant `json:"createdAt"`
	UpdatedAt    request.Instant `json:"updatedAt"`
}

type pagination struct {
	Page       int   `json:"page"`
	Limit      int   `json:"limit"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"totalPages"`
}

// last is the number of the last page. An empty list has one page.
func (p pagination) last() int { return max(1, int(p.TotalPages)) }

// absent says which pages there are, and is empty when the page that was asked for is one of them.
func (p pagination) absent(l text.Language) string {
	if p.Page <= p.last() {
		return ""
	}
	return l.Say("There is no page %s; the last one is page %s", strconv.Itoa(p.Page), strconv.Itoa(p.last()))
}

// link is the Link field that leads to other pages of the list (RFC 8288).
func (p pagination) link(path string) string {
	var links []string
	for _, to := range []struct {
		rel  string
		page int
	}{{"first", 1}, {"prev", min(p.Page-1, p.last())}, {"next", p.Page + 1}, {"last", p.last()}} {
		if to.page >= 1 && to.page <= p.last() {
			links = append(links, "<"+path+"?page="+strconv.Itoa(to.page)+"&limit="+strconv.Itoa(p.Limit)+`>; rel="`+to.rel+`"`)
		}
	}
	return strings.Join(links, ", ")
}

// ListUsers shows a page of the shoppers.
func (hs *Handlers) ListUsers(c echo.Context) error {
	page, err := request.QueryNumber(c, "page", 1, maxPage, 1)
	if err != nil {
		return err
	}
	limit, err := request.QueryNumber(c, "limit", 1, maxPageSize, defaultPageSize)
	if err != nil {
		return err
	}
	list, err := hs.userList(c, page, limit)
	if err != nil {
		return err
	}
	if request.WantsPage(c.Request()) {
		return hs.cfg.Pages.Users(c, shownList(list))
	}
	c.Response().Header().Set("Link", list.Pagination.link(c.Path()))
	return request.WriteJSON(c, http.StatusOK, list)
}

// UsersTab is the page of shoppers that the query of the home page names. Only operators may see it.
func (hs *Handlers) UsersTab(c echo.Context) (shop.UserList, error) {
	who := hs.cfg.Desk.Principals.Of(c.Request())
	if err := who.RequireRole(login.Viewer); err != nil {
		return shop.UserList{}, err
	}
	page, err := request.QueryNumber(c, "page", 1, maxPage, 1)
	if err != nil {
		return shop.UserList{}, err
	}
	list, err := hs.userList(c, page, defaultPageSize)
	if err != nil {
		return shop.UserList{}, err
	}
	return shownList(list), nil
}

// shownList is the list as the page shows it.
func shownList(l userList) shop.UserList {
	v := shop.UserList{Page: l.Pagination.Page, Pages: l.Pagination.last(), Total: l.Pagination.Total, Absent: l.Message}
	for _, u := range l.Users {
		line := shop.User{Name: u.Username, Email: u.Email, MayPurchase: u.CanPurchase}
		if u.PurchaseID != uuid.Nil {
			line.OrderID = u.PurchaseID.String()
		}
		v.Users = append(v.Users, line)
	}
	return v
}

// userList reads a page of accounts and their receipts. Without a sale there are no receipts.
func (hs *Handlers) userList(c echo.Context, page, limit int) (userList, error) {
	ctx := c.Request().Context()
	p, err := hs.cfg.Users.List(ctx, page, limit)
	if err != nil {
		return userList{}, err
	}
	ids := make([]int64, 0, len(p.Accounts))
	for _, a := range p.Accounts {
		ids = append(ids, a.ID)
	}
	bought, err := hs.cfg.Receipts.Receipts(ctx, "", ids)
	if err != nil && !errors.Is(err, sale.ErrNoSale) {
		return userList{}, err
	}
	list := userList{Users: make([]userDocument, 0, len(p.Accounts)), Pagination: pagination{
		Page: page, Limit: limit, Total: p.Total, TotalPages: (p.Total + int64(limit) - 1) / int64(limit),
	}}
	list.Message = list.Pagination.absent(spoken(c))
	for _, a := range p.Accounts {
		r, owns := bought[a.ID]
		list.Users = append(list.Users, userOf(a, r, owns))
	}
	return list, nil
}

func userOf(a users.Account, r sale.Receipt, owns bool) userDocument {
	d := userDocument{
		ID: a.ID, Username: a.Username, Email: a.Email, CanPurchase: a.MayPurchase, HasPurchased: owns,
		CreatedAt: request.Instant(a.CreatedAt), UpdatedAt: request.Instant(a.UpdatedAt),
	}
	if owns {
		d.PurchaseID = r.OrderID
	}
	return d
}

type seedDocument struct {
	Success      bool   `json:"success"`
	Message      string `json:"message"`
	UsersCreated int    `json:"usersCreated"`
}

// SeedUsers makes the first shoppers of the series exist.
func (hs *Handlers) SeedUsers(c echo.Context) error {
	const field = "userCount"
	a, v, err := hs.act(c, request.Spec{field: request.Number})
	if err != nil {
		return err
	}
	n, err := v.Whole(field, 0, maxSeed, defaultSeed)
	if err != nil {
		return err
	}
	created, err := hs.cfg.Operations.SeedUsers(c.Request().Context(), a, int(n))
	if err != nil {
		return err
	}
	message := spoken(c).Say("The first %d shoppers of the series exist, %d of them new", n, created)
	if n == 0 {
		message = spoken(c).Say("No shoppers were asked for, and none were made")
	}
	return hs.done(c, nil, message, seedDocument{Success: true, Message: message, UsersCreated: created})
}

type archiveDocument struct {
	Success      bool   `json:"success"`
	Message      string `json:"message"`
	UsersRemoved int64  `json:"usersRemoved"`
}

// ArchiveUsers hides every shopper.
func (hs *Handlers) ArchiveUsers(c echo.Context) error {
	a, _, err := hs.act(c, nil)
	if err != nil {
		return err
	}
	n, err := hs.cfg.Operations.ArchiveUsers(c.Request().Context(), a)
	if err != nil {
		return err
	}
	message := spoken(c).Say("All %d shoppers were archived; seeding brings a name back as the same person", n)
	return hs.done(c, nil, message, archiveDocument{Success: true, Message: message, UsersRemoved: n})
}
