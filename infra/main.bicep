// Entity Drop in Azure: one module per resource, put together here.
// The app settings keep their names everywhere: the azd environment, main.parameters.json, `settings` below, the app.
// Every role assignment comes from roles.json, which says why it is needed; the sentence ends up on the assignment.
targetScope = 'subscription'

@description('Name of the azd environment. It names the resource group and, hashed, every resource.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region of all resources. Custom entity recognition can be trained in some regions only: docs/deploy.md lists them.')
@minLength(1)
param location string

@description('LANGUAGE_PROJECT: the project of the deployed model.')
@minLength(1)
@maxLength(50)
param languageProject string

@description('LANGUAGE_DEPLOYMENT: the deployment of the model.')
@minLength(1)
@maxLength(50)
param languageDeployment string

@description('The other app settings, by name. main.parameters.json fills them from the azd environment, each with the default of functions/settings.py.')
param settings object

@description('LANGUAGE_KEY, only for those who insist on a key (or a Key Vault reference to one). Empty: the managed identity is used and the new Language resource accepts no keys.')
@secure()
param languageKey string = ''

@description('LANGUAGE_KEYS, the keys of LANGUAGE_ENDPOINTS in their order, only for those who insist on keys. Empty: the managed identity is used.')
@secure()
param languageKeys string = ''

@description('DOCUMENT_INTELLIGENCE_KEY, only for those who insist on a key (or a Key Vault reference to one). Empty: the managed identity is used; docs/ocr.md names the role that it needs.')
@secure()
param documentIntelligenceKey string = ''

@description('Resource ids of existing Language resources, separated by commas. Empty: one is created. The app talks to the first, or to those of LANGUAGE_ENDPOINTS; its identity may use them all, so that changing over needs no new role.')
param existingLanguageResourceIds string = ''

@description('Object id of the person or pipeline that deploys (azd fills it in): gets the roles to drop documents and to read results. Empty: nobody does.')
param principalId string = ''

@description('What principalId is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

@description('Where alerts are sent. Empty: they are only shown in the portal.')
param alertEmail string = ''

@description('true: storage and Language resource are reached through private endpoints in a virtual network of their own.')
@allowed(['true', 'false'])
param privateNetworking string = 'false'

@description('With private networking: IP addresses or ranges, separated by commas, that may still reach the storage account from outside, to drop documents.')
param allowedIpRanges string = ''

@description('Memory of an instance. 4096 when MAX_DOCUMENT_BYTES is raised far, because two long documents may be in memory at once.')
@allowed(['512', '2048', '4096'])
param instanceMemoryMB string = '2048'

@description('Most instances per function. All of them share REQUESTS_PER_MINUTE: more than four for each Language resource make nothing faster, and each that waits for its turn is billed.')
param maximumInstanceCount string = '40'

@description('Instances of the intake and of the job queue that are kept running. 0: scale to zero, first document after a pause waits for a cold start.')
param alwaysReadyInstances string = '0'

@description('Days Log Analytics keeps logs and metrics.')
param logRetentionDays string = '30'

var roles = loadJsonContent('roles.json')
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var private = privateNetworking == 'true'

var deadLetterContainer = 'event-dead-letters'
var deploymentContainer = 'deployment-package'
var trainingContainer = 'training-documents'
// All queues there will ever be on the account of the documents: nobody has a role to create more. The host looks for
// the poison queues under these names, `webjobs-blobtrigger-poison` in the account of the trigger's connection
// (SharedBlobQueueListenerFactory.cs of Azure/azure-sdk-for-net, read 2026-11).
var queues = [settings.JOB_QUEUE, '${settings.JOB_QUEUE}-poison', 'webjobs-blobtrigger-poison']
// Intermediate results wait for their siblings for GIVE_UP_HOURS at most; a week on top is for the operator.
var keepChunksDays = max(30, int(split(settings.GIVE_UP_HOURS, '.')[0]) / 24 + 7)

var createLanguage = empty(existingLanguageResourceIds)
var existingLanguageIds = createLanguage ? [] : split(replace(existingLanguageResourceIds, ' ', ''), ',')

var personWrites = empty(principalId) ? [] : [settings.INPUT_CONTAINER, trainingContainer]
var personReads = empty(principalId) ? [] : [settings.OUTPUT_CONTAINER, settings.STATE_CONTAINER, deadLetterContainer]
var personPeeks = empty(principalId) ? [] : queues

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

// Documents, results, records and the job queue. Nobody but this app uses it, and the app only its own parts of it.
module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    containers: [
      settings.INPUT_CONTAINER
      settings.OUTPUT_CONTAINER
      settings.STATE_CONTAINER
      deadLetterContainer
      trainingContainer
    ]
    queues: queues
    // Only what nobody reads any more. Document records stay: they say what was done with a document, and a missing
    // record would let `reconcile` submit (and pay for) it again. Job records are deleted by the app itself.
    deletions: [
      { name: 'delete-left-over-chunks', prefix: '${settings.STATE_CONTAINER}/pieces/', days: keepChunksDays }
      { name: 'delete-left-over-texts', prefix: '${settings.STATE_CONTAINER}/extracted/', days: keepChunksDays }
      { name: 'delete-old-journal', prefix: '${settings.STATE_CONTAINER}/journal/', days: int(settings.JOURNAL_DAYS) }
      { name: 'delete-old-dead-letters', prefix: '${deadLetterContainer}/', days: 90 }
    ]
    private: private
    allowedIpRanges: empty(allowedIpRanges) ? [] : split(replace(allowedIpRanges, ' ', ''), ',')
  }
}

// The Functions host's own: locks, timer records, system keys, the internal queue of the blob trigger, the package.
// The host creates containers and queues under names of its own and therefore needs roles on a whole account; on this
// one there is no document to reach with them.
module hostStorage 'modules/storage.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    name: 'sthost${token}'
    location: location
    tags: tags
    containers: [deploymentContainer]
    queues: []
    // Left by the scanning source of the blob trigger (other plans). The scan looks only at blobs newer than its
    // watermark, so a receipt of half a year ago is never asked for again.
    deletions: [
      { name: 'delete-old-trigger-receipts', prefix: 'azure-webjobs-hosts/blobreceipts/', days: 180 }
    ]
    private: private
    allowedIpRanges: []
  }
}

module appHostBlobs 'modules/storage-role.bicep' = {
  name: 'role-app-host-blobs'
  scope: group
  params: {
    storageAccountName: hostStorage.outputs.name
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    role: roles.appHostBlobs
  }
}

module appHostQueues 'modules/storage-role.bicep' = {
  name: 'role-app-host-queues'
  scope: group
  params: {
    storageAccountName: hostStorage.outputs.name
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    role: roles.appHostQueues
  }
}

module appDocuments 'modules/container-role.bicep' = {
  name: 'role-app-documents'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    containerName: settings.INPUT_CONTAINER
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    role: roles.appDocuments
  }
}

module appResults 'modules/container-role.bicep' = [for container in [settings.OUTPUT_CONTAINER, settings.STATE_CONTAINER]: {
  name: 'role-app-results-${uniqueString(container)}'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    containerName: container
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    role: roles.appResults
  }
}]

module appQueues 'modules/queue-role.bicep' = [for queue in queues: {
  name: 'role-app-queue-${uniqueString(queue)}'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    queueName: queue
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    role: roles.appQueues
  }
}]

module language 'modules/language.bicep' = if (createLanguage) {
  name: 'language'
  scope: group
  params: {
    name: 'lang-${token}'
    location: location
    tags: tags
    storageAccountId: storage.outputs.id
    acceptKeys: !empty(languageKey)
    private: private
  }
}

module languageTraining 'modules/container-role.bicep' = if (createLanguage) {
  name: 'role-language-training'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    containerName: trainingContainer
    principalId: language.outputs.principalId
    principalType: 'ServicePrincipal'
    role: roles.languageTraining
  }
}

module appLanguage 'modules/language-role.bicep' = if (createLanguage) {
  name: 'role-app-language'
  scope: group
  params: {
    languageName: language.outputs.name
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    role: roles.appLanguage
  }
}

// An existing resource may lie in another resource group or subscription; its id says where.
module appExistingLanguage 'modules/language-role.bicep' = [for id in existingLanguageIds: {
  name: 'role-app-language-${uniqueString(id)}'
  scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
  params: {
    languageName: last(split(id, '/'))
    principalId: identity.outputs.principalId
    principalType: 'ServicePrincipal'
    role: roles.appLanguage
  }
}]

module logAnalytics 'modules/log-analytics.bicep' = {
  name: 'log-analytics'
  scope: group
  params: {
    name: 'log-${token}'
    location: location
    tags: tags
    retentionDays: int(logRetentionDays)
  }
}

module applicationInsights 'modules/application-insights.bicep' = {
  name: 'application-insights'
  scope: group
  params: {
    name: 'appi-${token}'
    location: location
    tags: tags
    workspaceId: logAnalytics.outputs.id
    publisherPrincipalId: identity.outputs.principalId
    role: roles.appTelemetry
  }
}

module network 'modules/network.bicep' = if (private) {
  name: 'network'
  scope: group
  params: {
    name: 'vnet-${token}'
    location: location
    tags: tags
  }
}

module blobZone 'modules/private-zone.bicep' = if (private) {
  name: 'private-zone-blob'
  scope: group
  params: {
    name: 'privatelink.blob.${environment().suffixes.storage}'
    tags: tags
    networkId: network.outputs.id
  }
}

module queueZone 'modules/private-zone.bicep' = if (private) {
  name: 'private-zone-queue'
  scope: group
  params: {
    name: 'privatelink.queue.${environment().suffixes.storage}'
    tags: tags
    networkId: network.outputs.id
  }
}

module languageZone 'modules/private-zone.bicep' = if (private && createLanguage) {
  name: 'private-zone-language'
  scope: group
  params: {
    name: 'privatelink.cognitiveservices.azure.com'
    tags: tags
    networkId: network.outputs.id
  }
}

module blobEndpoint 'modules/private-endpoint.bicep' = if (private) {
  name: 'private-endpoint-blob'
  scope: group
  params: {
    name: 'pe-blob-${token}'
    location: location
    tags: tags
    targetId: storage.outputs.id
    subresource: 'blob'
    zoneId: blobZone.outputs.id
    subnetId: network.outputs.endpointSubnetId
  }
}

module queueEndpoint 'modules/private-endpoint.bicep' = if (private) {
  name: 'private-endpoint-queue'
  scope: group
  params: {
    name: 'pe-queue-${token}'
    location: location
    tags: tags
    targetId: storage.outputs.id
    subresource: 'queue'
    zoneId: queueZone.outputs.id
    subnetId: network.outputs.endpointSubnetId
  }
}

module hostBlobEndpoint 'modules/private-endpoint.bicep' = if (private) {
  name: 'private-endpoint-host-blob'
  scope: group
  params: {
    name: 'pe-host-blob-${token}'
    location: location
    tags: tags
    targetId: hostStorage.outputs.id
    subresource: 'blob'
    zoneId: blobZone.outputs.id
    subnetId: network.outputs.endpointSubnetId
  }
}

module hostQueueEndpoint 'modules/private-endpoint.bicep' = if (private) {
  name: 'private-endpoint-host-queue'
  scope: group
  params: {
    name: 'pe-host-queue-${token}'
    location: location
    tags: tags
    targetId: hostStorage.outputs.id
    subresource: 'queue'
    zoneId: queueZone.outputs.id
    subnetId: network.outputs.endpointSubnetId
  }
}

module languageEndpoint 'modules/private-endpoint.bicep' = if (private && createLanguage) {
  name: 'private-endpoint-language'
  scope: group
  params: {
    name: 'pe-language-${token}'
    location: location
    tags: tags
    targetId: language.outputs.id
    subresource: 'account'
    zoneId: languageZone.outputs.id
    subnetId: network.outputs.endpointSubnetId
  }
}

module plan 'modules/plan.bicep' = {
  name: 'plan'
  scope: group
  params: {
    name: 'plan-${token}'
    location: location
    tags: tags
  }
}

module app 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    name: 'func-${token}'
    location: location
    // azd finds the app of the service `app` in azure.yaml by this tag.
    tags: union(tags, { 'azd-service-name': 'app' })
    planId: plan.outputs.id
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    blobServiceUri: storage.outputs.blobServiceUri
    queueServiceUri: storage.outputs.queueServiceUri
    hostBlobServiceUri: hostStorage.outputs.blobServiceUri
    hostQueueServiceUri: hostStorage.outputs.queueServiceUri
    deploymentContainer: deploymentContainer
    applicationInsightsConnectionString: applicationInsights.outputs.connectionString
    settings: union(settings, {
      // Not both: with several resources they are all in LANGUAGE_ENDPOINTS.
      LANGUAGE_ENDPOINT: !empty(settings.LANGUAGE_ENDPOINTS) ? '' : createLanguage ? language.outputs.endpoint : (appExistingLanguage[0].outputs.endpoint)
      LANGUAGE_PROJECT: languageProject
      LANGUAGE_DEPLOYMENT: languageDeployment
    })
    languageKey: languageKey
    languageKeys: languageKeys
    documentIntelligenceKey: documentIntelligenceKey
    instanceMemoryMB: int(instanceMemoryMB)
    maximumInstanceCount: int(maximumInstanceCount)
    alwaysReadyInstances: int(alwaysReadyInstances)
    subnetId: private ? network.outputs.appSubnetId : ''
  }
  // The host needs its storage from the first second, and the deployment writes the package there.
  dependsOn: [appHostBlobs, appHostQueues, appDocuments, appResults, appQueues]
}

module eventTopic 'modules/event-topic.bicep' = {
  name: 'event-topic'
  scope: group
  params: {
    name: 'evgt-${token}'
    location: location
    tags: tags
    storageAccountId: storage.outputs.id
  }
}

module topicDeadLetters 'modules/container-role.bicep' = {
  name: 'role-topic-dead-letters'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    containerName: deadLetterContainer
    principalId: eventTopic.outputs.principalId
    principalType: 'ServicePrincipal'
    role: roles.topicDeadLetters
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    applicationInsightsId: applicationInsights.outputs.id
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    name: 'alert-${token}'
    location: location
    tags: tags
    applicationInsightsId: applicationInsights.outputs.id
    systemTopicId: eventTopic.outputs.id
    email: alertEmail
  }
}

module personDocuments 'modules/container-role.bicep' = [for container in personWrites: {
  name: 'role-person-write-${uniqueString(container)}'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    containerName: container
    principalId: principalId
    principalType: principalType
    role: roles.personDocuments
  }
}]

module personReading 'modules/container-role.bicep' = [for container in personReads: {
  name: 'role-person-read-${uniqueString(container)}'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    containerName: container
    principalId: principalId
    principalType: principalType
    role: roles.personReading
  }
}]

module personQueues 'modules/queue-role.bicep' = [for queue in personPeeks: {
  name: 'role-person-queue-${uniqueString(queue)}'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    queueName: queue
    principalId: principalId
    principalType: principalType
    role: roles.personQueues
  }
}]

module personLanguage 'modules/language-role.bicep' = if (createLanguage && !empty(principalId)) {
  name: 'role-person-language'
  scope: group
  params: {
    languageName: language.outputs.name
    principalId: principalId
    principalType: principalType
    role: roles.personLanguage
  }
}

// What azd writes into its environment: the hooks and the commands of docs/deploy.md read these.
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = app.outputs.name
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name
output AZURE_STORAGE_BLOB_URI string = storage.outputs.blobServiceUri
output AZURE_STORAGE_QUEUE_URI string = storage.outputs.queueServiceUri
output AZURE_HOST_STORAGE_ACCOUNT_NAME string = hostStorage.outputs.name
output AZURE_SYSTEM_TOPIC_NAME string = eventTopic.outputs.name
output AZURE_APPLICATION_INSIGHTS_NAME string = applicationInsights.outputs.name
output LANGUAGE_ENDPOINT string = createLanguage ? language.outputs.endpoint : (appExistingLanguage[0].outputs.endpoint)
output INPUT_CONTAINER string = settings.INPUT_CONTAINER
output OUTPUT_CONTAINER string = settings.OUTPUT_CONTAINER
output STATE_CONTAINER string = settings.STATE_CONTAINER
output JOB_QUEUE string = settings.JOB_QUEUE
output EVENT_DEAD_LETTER_CONTAINER string = deadLetterContainer
output TRAINING_CONTAINER string = trainingContainer
