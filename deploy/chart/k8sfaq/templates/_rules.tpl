{{- /*
What the bot reads, a rule a line. A test compares these lines with the code's own list (src/cluster/access.rs): neither is
changed alone.
*/ -}}

{{- /* In namespaces: a Role suffices. */ -}}
{{- define "k8sfaq.rules.namespaced" -}}
- {apiGroups: [""], resources: ["pods"], verbs: ["get", "list"]}
- {apiGroups: [""], resources: ["events"], verbs: ["list"]}
- {apiGroups: [""], resources: ["services"], verbs: ["list"]}
- {apiGroups: [""], resources: ["persistentvolumeclaims"], verbs: ["list"]}
- {apiGroups: [""], resources: ["resourcequotas"], verbs: ["list"]}
- {apiGroups: ["apps"], resources: ["deployments"], verbs: ["get", "list"]}
- {apiGroups: ["apps"], resources: ["replicasets"], verbs: ["get", "list"]}
- {apiGroups: ["apps"], resources: ["statefulsets"], verbs: ["get", "list"]}
- {apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["get", "list"]}
- {apiGroups: ["batch"], resources: ["jobs"], verbs: ["get", "list"]}
- {apiGroups: ["batch"], resources: ["cronjobs"], verbs: ["list"]}
- {apiGroups: ["autoscaling"], resources: ["horizontalpodautoscalers"], verbs: ["list"]}
- {apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: ["list"]}
- {apiGroups: ["networking.k8s.io"], resources: ["ingresses"], verbs: ["list"]}
{{- end -}}

{{- /* In the cluster as a whole: it takes a ClusterRole. */ -}}
{{- define "k8sfaq.rules.cluster" -}}
- {apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list"]}
- {apiGroups: [""], resources: ["nodes"], verbs: ["list"]}
- {apiGroups: [""], resources: ["persistentvolumes"], verbs: ["list"]}
- {apiGroups: ["storage.k8s.io"], resources: ["storageclasses"], verbs: ["list"]}
- {apiGroups: ["networking.k8s.io"], resources: ["ingressclasses"], verbs: ["list"]}
- {apiGroups: ["apiregistration.k8s.io"], resources: ["apiservices"], verbs: ["list"]}
{{- end -}}

{{- /* The last lines of crashed containers' logs: only in the namespaces that config.cluster.*.logs names. */ -}}
{{- define "k8sfaq.rules.logs" -}}
- {apiGroups: [""], resources: ["pods/log"], verbs: ["get"]}
{{- end -}}

{{- /* The one Lease that several replicas share, by its name: the bot's only write that stores anything. */ -}}
{{- define "k8sfaq.rules.lease" -}}
- {apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: [{{ include "k8sfaq.fullname" . | quote }}], verbs: ["get", "update"]}
{{- end -}}
