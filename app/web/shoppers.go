package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/sale"
	"flashsale/users"
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
}

type userDocument struct {
	ID           int64     `json:"id"`
	Username     string    `json:"username"`
	Email        string    `json:"email"`
	CanPurchase  bool      `json:"canPurchase"`
	HasPurchased bool      `json:"hasPurchased"`
	PurchaseID   uuid.UUID `json:"purchaseId,omitzero"`
	CreatedAt    instant   `json:"createdAt"`
	UpdatedAt    instant   `json:"updatedAt"`
}

type pagination struct {
	Page       int   `json:"page"`
	Limit      int   `json:"limit"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"totalPages"`
}

func (s *Server) listUsers(c echo.Context) error {
	page, err := queryNumber(c, "page", 1, maxPage, 1)
	if err != nil {
		return err
	}
	limit, err := queryNumber(c, "limit", 1, maxPageSize, defaultPageSize)
	if err != nil {
		return err
	}
	list, err := s.userList(c, page, limit)
	if err != nil {
		return err
	}
	if s.pages != nil && wantsPage(c.Request()) {
		return s.pages.Users(c, list)
	}
	return writeJSON(c, http.StatusOK, list)
}

// userList reads a page of accounts and the receipts of those on it. Without a sale nobody has bought.
func (s *Server) userList(c echo.Context, page, limit int) (userList, error) {
	ctx := c.Request().Context()
	p, err := s.cfg.Users.List(ctx, page, limit)
	if err != nil {
		return userList{}, err
	}
	ids := make([]int64, 0, len(p.Accounts))
	for _, a := range p.Accounts {
		ids = append(ids, a.ID)
	}
	bought, err := s.cfg.Checkout.Receipts(ctx, "", ids)
	if err != nil && !errors.Is(err, sale.ErrNoSale) {
		return userList{}, err
	}
	list := userList{Users: make([]userDocument, 0, len(p.Accounts)), Pagination: pagination{
		Page: page, Limit: limit, Total: p.Total, TotalPages: (p.Total + int64(limit) - 1) / int64(limit),
	}}
	for _, a := range p.Accounts {
		r, owns := bought[a.ID]
		list.Users = append(list.Users, userOf(a, r, owns))
	}
	return list, nil
}

func userOf(a users.Account, r sale.Receipt, owns bool) userDocument {
	d := userDocument{
		ID: a.ID, Username: a.Username, Email: a.Email, CanPurchase: a.MayPurchase, HasPurchased: owns,
		CreatedAt: instant(a.CreatedAt), UpdatedAt: instant(a.UpdatedAt),
	}
	if owns {
		d.PurchaseID = r.OrderID
	}
	return d
}

// queryNumber is a number of the query between low and high, or def when it is absent.
func queryNumber(c echo.Context, name string, low, high, def int) (int, error) {
	v, given, err := queryValue(c, name)
	if err != nil || !given {
		return def, err
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		return 0, badField(name, "must be a whole number from "+itoa(low)+" to "+itoa(high))
	}
	return n, nil
}

type seedDocument struct {
	Success      bool   `json:"success"`
	Message      string `json:"message"`
	UsersCreated int    `json:"usersCreated"`
}

func (s *Server) seedUsers(c echo.Context) error {
	const field = "userCount"
	a, v, err := s.act(c, spec{field: number})
	if err != nil {
		return err
	}
	n, err := v.whole(field, 1, maxSeed, defaultSeed)
	if err != nil {
		return err
	}
	created, err := s.cfg.Operations.SeedUsers(c.Request().Context(), a, int(n))
	if err != nil {
		return err
	}
	message := "The first " + itoa64(n) + " shoppers of the series exist, " + itoa(created) + " of them new"
	return s.done(c, nil, message, seedDocument{Success: true, Message: message, UsersCreated: created})
}

type archiveDocument struct {
	Success      bool   `json:"success"`
	Message      string `json:"message"`
	UsersRemoved int64  `json:"usersRemoved"`
}

func (s *Server) archiveUsers(c echo.Context) error {
	a, _, err := s.act(c, nil)
	if err != nil {
		return err
	}
	n, err := s.cfg.Operations.ArchiveUsers(c.Request().Context(), a)
	if err != nil {
		return err
	}
	message := "All " + itoa64(n) + " shoppers were archived; seeding brings a name back as the same person"
	return s.done(c, nil, message, archiveDocument{Success: true, Message: message, UsersRemoved: n})
}
