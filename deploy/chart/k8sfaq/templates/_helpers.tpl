{{- /* The name of what belongs to a release. */ -}}
{{- define "k8sfaq.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-k8sfaq" .Release.Name) (contains "k8sfaq" .Release.Name) -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- /* The name of what is granted outside the release's namespace, where another release may have the same name. */ -}}
{{- define "k8sfaq.grantName" -}}
{{- $name := include "k8sfaq.fullname" . -}}
{{- ternary $name (printf "%s-%s" $name .Release.Namespace) (eq $name .Release.Namespace) -}}
{{- end -}}

{{- define "k8sfaq.selectorLabels" -}}
app.kubernetes.io/name: k8sfaq
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "k8sfaq.labels" -}}
{{ include "k8sfaq.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "k8sfaq.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "k8sfaq.fullname" .) -}}
{{- end -}}

{{- define "k8sfaq.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{- /* "true" where a section stands in the config, be it empty. */ -}}
{{- define "k8sfaq.hasSlack" -}}{{ if hasKey .Values.config "slack" }}true{{ end }}{{- end -}}
{{- define "k8sfaq.hasDiscord" -}}{{ if hasKey .Values.config "discord" }}true{{ end }}{{- end -}}
{{- define "k8sfaq.hasSlackHttp" -}}{{ if eq (dig "slack" "mode" "socket" .Values.config) "http" }}true{{ end }}{{- end -}}
{{- define "k8sfaq.hasLease" -}}{{ if gt (int .Values.replicas) 1 }}true{{ end }}{{- end -}}

{{- /* "true" where the config names the cluster that the pods run in: one without a kubeconfig. */ -}}
{{- define "k8sfaq.readsCluster" -}}
{{- range $name, $cluster := (.Values.config.cluster | default dict) }}{{ if not (or $cluster.kubeconfig $cluster.context) }}true{{ end }}{{ end -}}
{{- end -}}

{{- /* The namespaces whose pods' logs may be read, as a JSON list. */ -}}
{{- define "k8sfaq.logNamespaces" -}}
{{- $namespaces := list -}}
{{- range $name, $cluster := (.Values.config.cluster | default dict) -}}
{{- if not (or $cluster.kubeconfig $cluster.context) -}}
{{- $namespaces = concat $namespaces ($cluster.logs | default list) -}}
{{- end -}}
{{- end -}}
{{- $namespaces | uniq | sortAlpha | toJson -}}
{{- end -}}

{{- /* The tokens that the config needs, as a JSON list. */ -}}
{{- define "k8sfaq.tokens" -}}
{{- $tokens := list -}}
{{- if include "k8sfaq.hasSlack" . -}}
{{- $tokens = concat $tokens (list "SLACK_BOT_TOKEN" (ternary "SLACK_SIGNING_SECRET" "SLACK_APP_TOKEN" (eq (include "k8sfaq.hasSlackHttp" .) "true"))) -}}
{{- end -}}
{{- if include "k8sfaq.hasDiscord" . -}}
{{- $tokens = append $tokens "DISCORD_TOKEN" -}}
{{- end -}}
{{- $tokens | toJson -}}
{{- end -}}

{{- define "k8sfaq.secretName" -}}
{{- .Values.secrets.existing | default (include "k8sfaq.fullname" .) -}}
{{- end -}}

{{- /* The settings of the process. YAML, since Helm writes whole numbers as fractions in TOML. */ -}}
{{- define "k8sfaq.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "web" (dict "listen" "0.0.0.0:8080") -}}
{{- $_ := set $config "state" (set ($config.state | default dict) "dir" "/var/lib/k8sfaq") -}}
{{- if .Values.content -}}
{{- $dirs := list -}}
{{- range .Values.content }}{{ $dirs = append $dirs (printf "/etc/k8sfaq/content/%s" .) }}{{ end -}}
{{- $_ := set $config "content" (dict "dirs" $dirs) -}}
{{- end -}}
{{- if include "k8sfaq.hasLease" . -}}
{{- $_ := set $config "serve" (set ($config.serve | default dict) "lease" (include "k8sfaq.fullname" .)) -}}
{{- end -}}
{{- $config | toYaml -}}
{{- end -}}

{{- /* What only a restart makes true: all settings but those that are read again, whether messages are watched, and the tokens that the chart holds. */ -}}
{{- define "k8sfaq.checksum" -}}
{{- $config := omit (include "k8sfaq.config" . | fromYaml) "channels" "people" -}}
{{- $watches := list -}}
{{- range $places := list "default" "slack" "discord" -}}
{{- $watches = append $watches (dig "channels" $places dict $.Values.config | toJson | contains "\"watch\":true") -}}
{{- end -}}
{{- list $config $watches .Values.secrets.values | toJson | sha256sum -}}
{{- end -}}

{{- /* Seconds from SIGTERM to SIGKILL: what is in flight may take serve.grace_seconds, closing what is left a few more. */ -}}
{{- define "k8sfaq.gracePeriod" -}}
{{- add (dig "serve" "grace_seconds" 25 .Values.config) 5 -}}
{{- end -}}

{{- /* A Role in a namespace, and its binding to the bot's account. */ -}}
{{- define "k8sfaq.role" }}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "k8sfaq.labels" .root | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "k8sfaq.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "k8sfaq.serviceAccountName" .root }}
    namespace: {{ .root.Release.Namespace }}
---
{{- end }}

{{- /* What the schema cannot say. */ -}}
{{- define "k8sfaq.check" -}}
{{- $config := .Values.config -}}
{{- if not (or (hasKey $config "slack") (hasKey $config "discord")) -}}
{{- fail "\nno adapter is configured: set config.slack.mode=socket, or config.discord.api_url=https://discord.com" -}}
{{- end -}}
{{- range $key := list "web.listen" "content.dirs" "state.dir" "serve.lease" "slack.listen" -}}
{{- $parts := splitList "." $key -}}
{{- if hasKey (index $config (first $parts) | default dict) (last $parts) -}}
{{- fail (printf "\nconfig.%s is the chart's own: take it out" $key) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.secrets.existing .Values.secrets.values -}}
{{- fail "\nsecrets.existing and secrets.values are both set: keep one of them" -}}
{{- end -}}
{{- if not .Values.secrets.existing -}}
{{- range (include "k8sfaq.tokens" . | fromJsonArray) -}}
{{- if not (index $.Values.secrets.values .) -}}
{{- fail (printf "\n%s is missing: name a Secret that holds it in secrets.existing, or set secrets.values.%s" . .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $connections := mul (int .Values.replicas) (int (dig "slack" "connections" 2 $config)) -}}
{{- if and (include "k8sfaq.hasSlack" .) (not (include "k8sfaq.hasSlackHttp" .)) (gt $connections 10) -}}
{{- fail (printf "\n%d replicas with %d connections each are more than the 10 that Slack gives an app: lower replicas or config.slack.connections" (int .Values.replicas) (int (dig "slack" "connections" 2 $config))) -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "\nserviceAccount.create is false: name the account in serviceAccount.name" -}}
{{- end -}}
{{- if and .Values.ingress.create (not (include "k8sfaq.hasSlackHttp" .)) -}}
{{- fail "\ningress.create is for Slack's http mode: set config.slack.mode=http, or leave it off" -}}
{{- end -}}
{{- if and .Values.ingress.create (not .Values.ingress.host) -}}
{{- fail "\ningress.host is empty: write the host of the request URL in the Slack app's manifest" -}}
{{- end -}}
{{- end -}}
