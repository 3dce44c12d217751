package web

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"flashsale/views/shop"
)

// listTab answers htmx with a page of the shoppers' list.
func (p *site) listTab(c echo.Context) error {
	list, err := p.readList(c)
	if err != nil {
		return err
	}
	return p.Users(c, list)
}

// Users shows a page of the shoppers' list.
func (p *site) Users(c echo.Context, l userList) error {
	list := listView(l)
	if byHTMX(c) {
		return p.send(c, http.StatusOK, shop.UserListFragment(list))
	}
	home := p.page(c)
	home.Tab, home.Users = shop.TabUsers, &list
	return p.send(c, http.StatusOK, shop.HomePage(home))
}

// listed is the list for the whole page, which is shown also when the list cannot be read.
func (p *site) listed(c echo.Context) *shop.UserList {
	list, err := p.readList(c)
	if err == nil {
		shown := listView(list)
		return &shown
	}
	problem := problemOf(err)
	if problem.Status == http.StatusInternalServerError {
		p.server.logFault(c, err)
	}
	return &shop.UserList{Problem: problem.Message}
}

// readList reads the page that the query names. The list is for operators.
func (p *site) readList(c echo.Context) (userList, error) {
	if err := p.server.who(c.Request()).operator(); err != nil {
		return userList{}, err
	}
	page, err := queryNumber(c, "page", 1, maxPage, 1)
	if err != nil {
		return userList{}, err
	}
	return p.server.userList(c, page, defaultPageSize)
}

// listView shows the list. One without anybody has one page, as books do.
func listView(l userList) shop.UserList {
	v := shop.UserList{
		Page: l.Pagination.Page, Pages: max(1, int(l.Pagination.TotalPages)), Total: l.Pagination.Total,
	}
	for _, u := range l.Users {
		line := shop.User{Name: u.Username, Email: u.Email, MayPurchase: u.CanPurchase}
		if u.PurchaseID != uuid.Nil {
			line.OrderID = u.PurchaseID.String()
		}
		v.Users = append(v.Users, line)
	}
	return v
}
