package fakeslack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// File is a file that a bot has uploaded, in the three steps that Slack wants.
type File struct {
	Name     string
	Body     []byte
	Title    string
	Channel  string
	ThreadTS string // "" until it was completed

	length int
}

// Files are all files that were begun.
func (s *Slack) Files() []File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]File(nil), s.files...)
}

// upload serves the steps of an upload, and reports false for any other request.
func (s *Slack) upload(w http.ResponseWriter, r *http.Request) bool {
	refuse := func(why string) { fmt.Fprintf(w, `{"ok":false,"error":%q}`, why) }
	if number, ok := strings.CutPrefix(r.URL.Path, "/upload/"); ok {
		s.takeFile(w, r, number)
		return true
	}
	method, _ := strings.CutPrefix(r.URL.Path, "/api/")
	if method != "files.getUploadURLExternal" && method != "files.completeUploadExternal" {
		return false
	}
	if s.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.Token {
		refuse("invalid_auth")
		return true
	}
	if s.NoFiles {
		refuse("missing_scope")
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if method == "files.getUploadURLExternal" {
		length, err := strconv.Atoi(r.FormValue("length"))
		if err != nil || length < 1 || r.FormValue("filename") == "" {
			refuse("invalid_arguments")
			return true
		}
		s.files = append(s.files, File{Name: r.FormValue("filename"), length: length})
		fmt.Fprintf(w, `{"ok":true,"upload_url":"http://%s/upload/%d","file_id":"F%d"}`, r.Host, len(s.files), len(s.files))
		return true
	}
	var done struct {
		Files    []struct{ ID, Title string }
		Channel  string `json:"channel_id"`
		ThreadTS string `json:"thread_ts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&done); err != nil || len(done.Files) != 1 {
		refuse("invalid_arguments")
		return true
	}
	number, err := strconv.Atoi(strings.TrimPrefix(done.Files[0].ID, "F"))
	if err != nil || number < 1 || number > len(s.files) || s.files[number-1].Body == nil {
		refuse("file_not_found")
		return true
	}
	f := &s.files[number-1]
	f.Title, f.Channel, f.ThreadTS = done.Files[0].Title, done.Channel, done.ThreadTS
	fmt.Fprint(w, `{"ok":true}`)
	return true
}

// takeFile takes the bytes of a file that was begun.
func (s *Slack) takeFile(w http.ResponseWriter, r *http.Request, number string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	n, numErr := strconv.Atoi(number)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || numErr != nil || n < 1 || n > len(s.files) || s.files[n-1].length != len(body) {
		http.Error(w, "no such upload", http.StatusBadRequest)
		return
	}
	s.files[n-1].Body = body
	fmt.Fprintf(w, "OK - %d", len(body))
}
