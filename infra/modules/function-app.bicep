// The function app: its runtime, its scale and its settings.
param name string
param location string
param tags object
param planId string
param identityId string
param identityClientId string
param blobServiceUri string
param queueServiceUri string
param hostBlobServiceUri string
param hostQueueServiceUri string
param deploymentContainer string
param applicationInsightsConnectionString string

@description('App settings by name, as functions/settings.py lists them.')
param settings object

@secure()
param languageKey string

@secure()
param languageKeys string

@secure()
param documentIntelligenceKey string

param instanceMemoryMB int
param maximumInstanceCount int
param alwaysReadyInstances int

@description('Whether the page and its API are served.')
param hasWeb bool

@description('Subnet for outgoing traffic. Empty: no virtual network.')
param subnetId string

resource app 'Microsoft.Web/sites@2024-04-01' = {
  // checkov:skip=CKV_AZURE_222:Event Grid has to reach the webhook, which asks for a system key; the private variant admits Event Grid only
  // checkov:skip=CKV_AZURE_17:Event Grid presents no client certificate, so demanding one would stop all events
  // checkov:skip=CKV_AZURE_212:the plan scales to zero on purpose; alwaysReadyInstances is there for those who want more
  // checkov:skip=CKV_AZURE_213:the platform replaces instances itself and the alert 'silence' notices an app that does not run
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: planId
    httpsOnly: true
    // It serves the webhook where Event Grid reports new documents, behind a system key, and, unless WEB is off, the
    // page and its API, behind a function key or a sign-in.
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      http20Enabled: true
      ftpsState: 'Disabled'
      // In a private network only Event Grid may call in; the deployment address is separate and stays open.
      ipSecurityRestrictionsDefaultAction: empty(subnetId) ? 'Allow' : 'Deny'
      ipSecurityRestrictions: empty(subnetId) ? [] : [
        { name: 'event-grid', priority: 100, action: 'Allow', tag: 'ServiceTag', ipAddress: 'AzureEventGrid' }
      ]
      scmIpSecurityRestrictionsUseMain: false
    }
    functionAppConfig: {
      runtime: { name: 'python', version: '3.12' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostBlobServiceUri}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances == 0 ? [] : [
          { name: 'blob', instanceCount: alwaysReadyInstances }
          { name: 'function:advance', instanceCount: alwaysReadyInstances }
        ]
        // A page fires several requests at once, each of them short; with the default of 1 it would start as many instances.
        triggers: hasWeb ? { http: { perInstanceConcurrency: 16 } } : null
      }
    }
  }
}

// FUNCTIONS_WORKER_RUNTIME and FUNCTIONS_EXTENSION_VERSION are missing on purpose: on this plan functionAppConfig says it.
resource appSettings 'Microsoft.Web/sites/config@2024-04-01' = {
  // The policies below are about the site's own configuration; this resource is the list of app settings.
  // checkov:skip=CKV_AZURE_63:HTTP logging belongs to the site configuration; every run is logged in Application Insights
  // checkov:skip=CKV_AZURE_65:detailed error pages belong to the site configuration, and errors are answered as problems in JSON
  // checkov:skip=CKV_AZURE_66:request tracing belongs to the site configuration; every run is traced in Application Insights
  // checkov:skip=CKV_AZURE_80:there is no .NET Framework here, the app is written in Python and runs on Linux
  // checkov:skip=CKV_AZURE_88:nothing is kept in Azure Files, and this plan cannot mount its content from there
  // checkov:skip=CKV_AZURE_222:public access belongs to the site configuration and is explained there
  // checkov:skip=CKV_AZURE_13:people sign in where WEB is entra, by modules/sign-in.bicep; the webhook asks for a system key
  parent: app
  name: 'appsettings'
  properties: union(
    settings,
    {
      // No table address: nothing is kept in tables, and without one the host leaves them alone.
      AzureWebJobsStorage__blobServiceUri: hostBlobServiceUri
      AzureWebJobsStorage__queueServiceUri: hostQueueServiceUri
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identityClientId
      DocumentStorage__blobServiceUri: blobServiceUri
      DocumentStorage__queueServiceUri: queueServiceUri
      DocumentStorage__credential: 'managedidentity'
      DocumentStorage__clientId: identityClientId
      // The only source this plan knows, and the one that needs no listing of the container.
      BLOB_TRIGGER_SOURCE: 'EventGrid'
      // Selects the identity that DefaultAzureCredential uses for the Language service.
      AZURE_CLIENT_ID: identityClientId
      APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
      // The app exports its own logs and traces (telemetryMode in host.json); the host need not repeat them.
      PYTHON_ENABLE_OPENTELEMETRY: 'true'
      // What the runs that host.json allows at a time add up to; see docs/host-json.md.
      PYTHON_THREADPOOL_THREAD_COUNT: '12'
    },
    empty(languageKey) ? {} : { LANGUAGE_KEY: languageKey },
    empty(languageKeys) ? {} : { LANGUAGE_KEYS: languageKeys },
    empty(documentIntelligenceKey) ? {} : { DOCUMENT_INTELLIGENCE_KEY: documentIntelligenceKey }
  )
}

// Deployment uses Microsoft Entra ID; user names and passwords for it are switched off.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
