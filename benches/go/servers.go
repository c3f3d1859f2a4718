package main

import (
	"net"
	"net/http"
	"time"
)

func listen() (net.Listener, error) {
	return net.Listen("tcp4", "127.0.0.1:0")
}

// serveEcho: a goroutine for each connection; serves until the process ends. Go turns Nagle's algorithm off by itself.
func serveEcho(*report) error {
	listener, err := listen()
	if err != nil {
		return err
	}
	ready(listener.Addr().String())
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go echo(connection)
	}
}

// echo ends with the connection; an error is the load generator's end.
func echo(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 1024)
	for {
		count, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err := connection.Write(buffer[:count]); err != nil {
			return
		}
	}
}

func serveEchoBesideCalls(r *report) error {
	for range 64 {
		go shortCalls(time.Minute)
	}
	return serveEcho(r)
}

func serveHTTP(*report) error {
	listener, err := listen()
	if err != nil {
		return err
	}
	ready(listener.Addr().String())
	hello := []byte("Hello, World!")
	return http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		if _, err := answer.Write(hello); err != nil {
			return // the load generator's end
		}
	}))
}
