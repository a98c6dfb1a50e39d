{{/*
One ValidatingAdmissionPolicy with its binding, for the operator's account only. Takes (dict "root" $ "concern" NAME
"body" YAML), where the body has `resourceRules`, `variables` and `validations`.
*/}}
{{- define "githubtoken-operator.policy" -}}
{{- $root := .root }}
{{- $name := printf "%s.%s.%s.githubtoken.dev" (include "githubtoken-operator.fullname" $root) $root.Release.Namespace .concern }}
{{- $body := fromYaml .body }}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ $name }}
  labels:
    {{- include "githubtoken-operator.labels" $root | nindent 4 }}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      {{- toYaml $body.resourceRules | nindent 6 }}
  matchConditions:
    - name: the-operator-asks
      expression: >-
        request.userInfo.username == "system:serviceaccount:{{ $root.Release.Namespace }}:{{ include "githubtoken-operator.serviceAccountName" $root }}"
  variables:
    {{- toYaml $body.variables | nindent 4 }}
  validations:
    {{- toYaml $body.validations | nindent 4 }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "githubtoken-operator.labels" $root | nindent 4 }}
spec:
  policyName: {{ $name }}
  validationActions: [Deny]
{{- end }}
