{{- /* The pods' template, the same in a Deployment and in a StatefulSet. It satisfies the Pod Security level "restricted". */ -}}
{{- define "k8sfaq.pod" -}}
metadata:
  labels:
    {{- include "k8sfaq.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Of what needs a restart; channels, people and entries are read again without one.
    checksum/restart: {{ include "k8sfaq.checksum" . }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "k8sfaq.serviceAccountName" . }}
  # Without a cluster to look at and without a Lease the pods have no use for a token.
  automountServiceAccountToken: {{ or (include "k8sfaq.readsCluster" .) (include "k8sfaq.hasLease" .) | not | not }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "k8sfaq.gracePeriod" . }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if include "k8sfaq.hasLease" . }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "k8sfaq.selectorLabels" . | nindent 10 }}
  {{- end }}
  containers:
    - name: k8sfaq
      image: {{ include "k8sfaq.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve, --config, /etc/k8sfaq/config/k8sfaq.yaml]
      env:
        {{- range (include "k8sfaq.tokens" . | fromJsonArray) }}
        - name: {{ . }}_FILE
          value: /etc/k8sfaq/secrets/{{ . }}
        {{- end }}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: metrics
          containerPort: 8080
        {{- if include "k8sfaq.hasSlackHttp" . }}
        - name: slack
          containerPort: 3000
        {{- end }}
      livenessProbe:
        httpGet:
          path: /livez
          port: metrics
        timeoutSeconds: 3
      readinessProbe:
        httpGet:
          path: /readyz
          port: metrics
        periodSeconds: 5
        timeoutSeconds: 3
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: config
          mountPath: /etc/k8sfaq/config
          readOnly: true
        - name: secrets
          mountPath: /etc/k8sfaq/secrets
          readOnly: true
        {{- if .Values.secrets.kubeconfigs }}
        - name: kubeconfigs
          mountPath: /etc/k8sfaq/kubeconfigs
          readOnly: true
        {{- end }}
        - name: state
          mountPath: /var/lib/k8sfaq
        {{- range $number, $name := .Values.content }}
        - name: content-{{ $number }}
          mountPath: /etc/k8sfaq/content/{{ $name }}
          readOnly: true
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "k8sfaq.fullname" . }}
    - name: secrets
      secret:
        secretName: {{ include "k8sfaq.secretName" . }}
        defaultMode: 288 # 0440
        items:
          {{- range (include "k8sfaq.tokens" . | fromJsonArray) }}
          - key: {{ . }}
            path: {{ . }}
          {{- end }}
    {{- with .Values.secrets.kubeconfigs }}
    - name: kubeconfigs
      secret:
        secretName: {{ . }}
        defaultMode: 288 # 0440
    {{- end }}
    {{- if not .Values.state.persistent }}
    - name: state
      emptyDir:
        sizeLimit: {{ .Values.state.size }}
    {{- end }}
    {{- range $number, $name := .Values.content }}
    - name: content-{{ $number }}
      configMap:
        name: {{ $name }}
    {{- end }}
{{- end -}}
