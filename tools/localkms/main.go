// Command local-kms serves local-kms, a stand-in for AWS KMS, on a loopback address of the system's choice, which it
// prints. Local-kms' own program listens on all addresses of the machine, and cannot be told otherwise.
//
// Keys and aliases come from a YAML file: Rsa, Ecc and Aliases, each as in the seed file of local-kms. It ends when its
// standard input does.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/nsmithuk/local-kms/src"
	"github.com/nsmithuk/local-kms/src/cmk"
	"github.com/nsmithuk/local-kms/src/config"
	"github.com/nsmithuk/local-kms/src/data"
	"gopkg.in/yaml.v2"
)

type seed struct {
	Rsa     []cmk.RsaKey `yaml:"Rsa"`
	Ecc     []cmk.EccKey `yaml:"Ecc"`
	Aliases []data.Alias `yaml:"Aliases"`
}

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: local-kms REGION ACCOUNT DATA-FOLDER SEED-FILE")
	}
	config.AWSRegion, config.AWSAccountId, config.DatabasePath = os.Args[1], os.Args[2], os.Args[3]
	database := data.NewDatabase(config.DatabasePath)
	defer database.Close()
	fill(database, os.Args[4])
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		src.HandleRequest(answer, request, database)
	})))
}

func fill(database *data.Database, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	var keys seed
	if err := yaml.Unmarshal(text, &keys); err != nil {
		log.Fatal(err)
	}
	for index := range keys.Rsa {
		database.SaveKey(&keys.Rsa[index])
	}
	for index := range keys.Ecc {
		database.SaveKey(&keys.Ecc[index])
	}
	for _, alias := range keys.Aliases {
		alias.AliasArn = config.ArnPrefix() + alias.AliasName
		database.SaveAlias(&alias)
	}
}
