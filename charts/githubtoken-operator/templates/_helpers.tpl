{{/* The names of objects. */}}
{{- define "githubtoken-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for the suffixes below: a label and a Service's name end after 63 characters. */}}
{{- define "githubtoken-operator.fullname" -}}
{{- $name := include "githubtoken-operator.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 45 | trimAll "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 45 | trimAll "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 45 | trimAll "-" }}
{{- end }}
{{- end }}

{{- define "githubtoken-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "githubtoken-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name must be set where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "githubtoken-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "githubtoken-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "githubtoken-operator.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ .Chart.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The labels of what belongs to the operator itself. */}}
{{- define "githubtoken-operator.labels" -}}
{{ include "githubtoken-operator.selectorLabels" . }}
app.kubernetes.io/component: operator
{{ include "githubtoken-operator.commonLabels" . }}
{{- end }}

{{- define "githubtoken-operator.operatorSelector" -}}
{{ include "githubtoken-operator.selectorLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{/* An image with its tag and digest; takes (list image appVersion). */}}
{{- define "githubtoken-operator.image" -}}
{{- $image := index . 0 }}
{{- printf "%s:%s" $image.repository (default (index . 1) $image.tag) }}
{{- with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/*
One concern's rights: a ClusterRole that is bound everywhere, or, with `scope.namespaces`, a Role that is bound in each
of them. Takes (dict "root" $ "concern" NAME "rules" YAML).
*/}}
{{- define "githubtoken-operator.grant" -}}
{{- $root := .root }}
{{- $rules := .rules }}
{{- $name := printf "%s-%s" (include "githubtoken-operator.fullname" $root) .concern }}
{{- range $namespace := default (list "") $root.Values.scope.namespaces }}
{{- $prefix := ternary "" "Cluster" (ne $namespace "") }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}Role
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . | quote }}
  {{- end }}
  labels:
    {{- include "githubtoken-operator.labels" $root | nindent 4 }}
rules:
  {{- trim $rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}RoleBinding
metadata:
  name: {{ $name }}
  {{- with $namespace }}
  namespace: {{ . | quote }}
  {{- end }}
  labels:
    {{- include "githubtoken-operator.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $prefix }}Role
  name: {{ $name }}
subjects:
  {{- include "githubtoken-operator.subject" $root | nindent 2 }}
{{- end }}
{{- end }}

{{- define "githubtoken-operator.subject" -}}
- kind: ServiceAccount
  name: {{ include "githubtoken-operator.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}

{{- define "githubtoken-operator.simulator.name" -}}
{{- include "githubtoken-operator.fullname" . }}-simulator
{{- end }}

{{- define "githubtoken-operator.simulator.host" -}}
{{- printf "%s.%s.svc:8443" (include "githubtoken-operator.simulator.name" .) .Release.Namespace }}
{{- end }}

{{- define "githubtoken-operator.simulator.labels" -}}
{{ include "githubtoken-operator.selectorLabels" . }}
app.kubernetes.io/component: simulator
{{ include "githubtoken-operator.commonLabels" . }}
{{- end }}

{{/* What Pod Security `restricted` asks for, for the pods of the simulator and of the test. */}}
{{- define "githubtoken-operator.simulator.podSecurityContext" -}}
{{- $ids := dict "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 }}
{{- $context := merge (dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault")) $ids }}
{{- include "githubtoken-operator.podSecurityContext" (list . $context) }}
{{- end }}

{{- define "githubtoken-operator.simulator.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/*
The data of the simulator's Secret. What an earlier revision of the release made is kept, so that an upgrade changes no
key. All templates of a rendering must see the same: it is kept in the values.
*/}}
{{- define "githubtoken-operator.simulator.data" -}}
{{- if not (hasKey .Values.simulator "data") }}
{{- $name := include "githubtoken-operator.simulator.name" . }}
{{- $data := (lookup "v1" "Secret" .Release.Namespace $name).data | default dict }}
{{- if not $data }}
{{- $host := include "githubtoken-operator.simulator.host" . | trimSuffix ":8443" }}
{{- $ca := genCA "GitHub simulator" 3650 }}
{{- $server := genSignedCert $host nil (list $host) 3650 $ca }}
{{- $key := genPrivateKey "rsa" }}
{{- $app := dict "id" 1 "slug" "helm-test" "owner" "helm-test" "private_key" $key }}
{{- $installation := dict "app" "helm-test" "account" "helm-test" "repositories" (list "website") }}
{{- $seed := dict "apps" (list $app) "installations" (list $installation) | toJson }}
{{- $files := dict "ca.crt" $ca.Cert "tls.pem" (print $server.Cert $server.Key) "private-key.pem" $key "seed.json" $seed }}
{{- range $file, $content := $files }}
{{- $_ := set $data $file (b64enc $content) }}
{{- end }}
{{- end }}
{{- $_ := set .Values.simulator "data" $data }}
{{- end }}
{{- toYaml .Values.simulator.data }}
{{- end }}

{{/* A security context without the ids that OpenShift gives; takes (list $ context). */}}
{{- define "githubtoken-operator.podSecurityContext" -}}
{{- $root := index . 0 }}
{{- $context := index . 1 }}
{{- $adapt := $root.Values.adaptSecurityContext }}
{{- $openshift := $root.Capabilities.APIVersions.Has "security.openshift.io/v1" }}
{{- if or (eq $adapt "force") (and (eq $adapt "auto") $openshift) }}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" }}
{{- end }}
{{- toYaml $context }}
{{- end }}

{{/* The source of the volume with the company's CA; empty where there is none. */}}
{{- define "githubtoken-operator.trustedCA" -}}
{{- with .Values.trustedCA }}
{{- if .configMap }}
configMap:
  name: {{ .configMap | quote }}
{{- else if .secret }}
secret:
  secretName: {{ .secret | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Whether the release brings this CRD: not one that somebody else brought. Takes (list $ name). It looks only where that
matters: who may not read CRDs, as the owner of a namespace, could not install anything else.
*/}}
{{- define "githubtoken-operator.bringsCRD" -}}
{{- $root := index . 0 }}
{{- if $root.Values.crds.enabled }}
{{- $crd := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" (index . 1) }}
{{- $notes := dig "metadata" "annotations" dict $crd }}
{{- $release := list (get $notes "meta.helm.sh/release-name") (get $notes "meta.helm.sh/release-namespace") }}
{{- $ours := eq (toJson $release) (toJson (list $root.Release.Name $root.Release.Namespace)) }}
{{- if or (not $crd) $ours $root.Values.crds.adopt }}yes{{ end }}
{{- end }}
{{- end }}

{{/* The file of a Vault audience's token, by whose name the operator finds it. */}}
{{- define "githubtoken-operator.audienceFile" -}}
{{- regexReplaceAll "[^A-Za-z0-9.-]" . "_" }}
{{- end }}

{{/* A label that is given twice is refused by some of those who apply it, and by others the last one counts. */}}
{{- define "githubtoken-operator.validateLabels" -}}
{{- $own := dict "kubectl.kubernetes.io/default-container" "" "app.kubernetes.io/component" "" }}
{{- $own = merge $own (include "githubtoken-operator.selectorLabels" . | fromYaml) }}
{{- range list "helm.sh/chart" "app.kubernetes.io/version" "app.kubernetes.io/part-of" "app.kubernetes.io/managed-by" }}
{{- $_ := set $own . "" }}
{{- end }}
{{- $given := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels "podAnnotations" .Values.podAnnotations }}
{{- range $name, $part := omit .Values.metrics "service" }}
{{- $_ := set $given (printf "metrics.%s.labels" $name) $part.labels }}
{{- end }}
{{- range $value, $labels := $given }}
{{- range $label, $_ := $labels }}
{{- if hasKey $own $label }}
{{- fail (printf "%s has %s, which the chart sets itself: leave it out" $value $label) }}
{{- end }}
{{- if and (not (has $value (list "commonLabels" "podAnnotations"))) (hasKey (default dict $.Values.commonLabels) $label) }}
{{- fail (printf "%s has %s, which commonLabels sets already: leave one of them out" $value $label) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Flags and variables of the operator that would set aside what the chart goes by, or that the chart's own set aside. */}}
{{- define "githubtoken-operator.validateFlags" -}}
{{- $leader := "two pods run together during every upgrade, also with replicaCount 1, and only the Lease keeps them apart; leave it out" }}
{{- range .Values.extraArgs }}
{{- $flag := splitList "=" . | first }}
{{- if eq $flag "--no-leader-elect" }}
{{- fail (printf "extraArgs has --no-leader-elect: %s" $leader) }}
{{- else if eq $flag "--namespaces" }}
{{- fail "extraArgs has --namespaces: set scope.namespaces, which limits the rights too" }}
{{- else if has $flag (list "--operator-namespace" "--health-address") }}
{{- fail (printf "extraArgs has %s, which the chart's rights and probes go by: leave it out" $flag) }}
{{- end }}
{{- end }}
{{- $values := dict "GITHUBTOKEN_NAMESPACES" "scope.namespaces" "GITHUBTOKEN_GRACE_PERIOD" "terminationGracePeriodSeconds" }}
{{- range list "allowedHosts" "concurrency" "githubRequestsPerMinute" "leaseDuration" "verifyBeforePublish" "logFormat" "logLevel" }}
{{- $_ := set $values (snakecase . | upper | printf "GITHUBTOKEN_%s") (printf "operator.%s" .) }}
{{- end }}
{{- $own := list "POD_NAMESPACE" }}
{{- range list "POD_NAME" "POD_UID" "OPERATOR_NAMESPACE" "METRICS_ADDRESS" "HEALTH_ADDRESS" "JOURNAL_DIR" }}
{{- $own = append $own (printf "GITHUBTOKEN_%s" .) }}
{{- end }}
{{- /* Of a name that is there twice helm 3 takes the last, and a server-side apply, as helm 4's, is refused. */}}
{{- $seen := dict }}
{{- range .Values.extraEnv }}
{{- if hasKey $seen .name }}
{{- fail (printf "extraEnv has %s twice: leave one of them out" .name) }}
{{- end }}
{{- $_ := set $seen .name true }}
{{- if eq .name "GITHUBTOKEN_LEADER_ELECT" }}
{{- fail (printf "extraEnv has GITHUBTOKEN_LEADER_ELECT: %s" $leader) }}
{{- else if has .name $own }}
{{- fail (printf "extraEnv has %s, which the chart sets itself: leave it out" .name) }}
{{- else if hasKey $values .name }}
{{- fail (printf "extraEnv has %s, and the chart's own flag is what counts: set %s instead" .name (get $values .name)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* What no schema can say. */}}
{{- define "githubtoken-operator.validate" -}}
{{- $fullname := include "githubtoken-operator.fullname" . }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $fullname) }}
{{- fail (printf "objects would be named %s, which Kubernetes refuses for a Service: set fullnameOverride to a name of a-z, 0-9 and -, with a letter first" $fullname) }}
{{- end }}
{{- include "githubtoken-operator.validateLabels" . }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.egressPorts) }}
{{- fail "networkPolicy.egressPorts is empty: list the ports of the API server and of GitHub, since a rule without ports would let everything out" }}
{{- end }}
{{- include "githubtoken-operator.validateFlags" . }}
{{- if not (regexMatch "^(([2-9]|[1-9][0-9]|[1-5][0-9][0-9]|600)s|([1-9]|10)m|[1-9]m[0-5]?[0-9]s)$" .Values.operator.leaseDuration) }}
{{- fail (printf "operator.leaseDuration is %s: it must be from 2s to 10m, such as 15s or 1m30s" .Values.operator.leaseDuration) }}
{{- end }}
{{- range $name, $image := dict "image" .Values.image "simulator.image" .Values.simulator.image }}
{{- if regexMatch ":[^/]*$|@" $image.repository }}
{{- fail (printf "%s.repository is %s: put its tag into %s.tag, and its digest into %s.digest" $name $image.repository $name $name) }}
{{- end }}
{{- end }}
{{- $files := dict }}
{{- range .Values.signers.vault.audiences }}
{{- $file := include "githubtoken-operator.audienceFile" . }}
{{- if hasKey $files $file }}
{{- fail (printf "signers.vault.audiences has %s and %s, whose tokens would have the same file: keep one of them" (get $files $file) .) }}
{{- end }}
{{- $_ := set $files $file . }}
{{- end }}
{{- with .Values.metrics }}
{{- range $name, $monitor := dict "serviceMonitor" .serviceMonitor "podMonitor" .podMonitor }}
{{- $seconds := list $monitor.scrapeTimeout $monitor.interval }}
{{- if and (regexMatch "^[0-9]+s [0-9]+s$" (join " " $seconds)) (gt (trimSuffix "s" (first $seconds) | int) (trimSuffix "s" (last $seconds) | int)) }}
{{- fail (printf "metrics.%s.scrapeTimeout is longer than its interval, and the Prometheus operator would leave it out: make it %s at most" $name (last $seconds)) }}
{{- end }}
{{- end }}
{{- if and .serviceMonitor.enabled .podMonitor.enabled }}
{{- fail "enable metrics.serviceMonitor or metrics.podMonitor, not both: each replica would be scraped twice" }}
{{- end }}
{{- if and .serviceMonitor.enabled (not .service.enabled) }}
{{- fail "metrics.serviceMonitor needs metrics.service.enabled=true; metrics.podMonitor does not" }}
{{- end }}
{{- end }}
{{- if and .Values.trustedCA.configMap .Values.trustedCA.secret }}
{{- fail "trustedCA names a ConfigMap and a Secret: leave one of them empty" }}
{{- end }}
{{- with .Values.signers.pkcs11 }}
{{- if ne (empty .module) (empty .pinSecret) }}
{{- fail "signers.pkcs11.module and signers.pkcs11.pinSecret go together: set both, or neither" }}
{{- end }}
{{- end }}
{{- $unknown := not (.Capabilities.APIVersions.Has "githubtoken.dev/v1alpha1") }}
{{- range .Values.extraObjects }}
{{- $object := ternary . (toYaml .) (kindIs "string" .) }}
{{- $ours := regexMatch "(?m)^apiVersion: *[\"']?githubtoken\\.dev/" $object }}
{{- /* Without a cluster, as for `helm template`, nothing is known of it. */}}
{{- if and $ours $unknown (lookup "v1" "Namespace" "" "kube-system") }}
{{- fail "extraObjects has objects of githubtoken.dev, which this cluster does not know yet: install the CustomResourceDefinitions first (kubectl apply --server-side -f deploy/crds, or githubtoken crds | kubectl apply --server-side -f -), then this release" }}
{{- end }}
{{- end }}
{{- if and .Values.simulator.enabled .Values.scope.namespaces (not (has .Release.Namespace .Values.scope.namespaces)) }}
{{- fail (printf "the simulator's namespace %s must be one of scope.namespaces" .Release.Namespace) }}
{{- end }}
{{- end }}
